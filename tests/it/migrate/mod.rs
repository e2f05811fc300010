//! `waypost migrate`: the real binary between real servers, which speak the providers' public APIs
//! to it and nothing else.

mod again;
mod back;
mod broken;
mod failures;
mod file;
mod into;
mod pairs;
mod plans;
mod proxy;
mod same;
mod traffic;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use http::header::AUTHORIZATION;
use http::{HeaderName, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use waypost::client::api::{Api, Payload};
use waypost_compat::Dialect;

use crate::support::process::{API_KEY, Process};

/// The domain that Mailgun's webhooks belong to in these tests.
const DOMAIN: &str = "mg.example.com";

/// A server that plays a provider.
struct Server {
    process: Process,
    _data: TempDir,
}

impl Server {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let process = Process::start_with(data.path(), &[&["--allow-http"], arguments].concat());
        Self { process, _data: data }
    }
}

/// An account at a provider: its webhooks through that provider's own API.
struct Account {
    dialect: Dialect,
    url: String,
    key: String,
    org: Option<String>,
    api: Api,
    /// What was shown when a webhook was made.
    secrets: Mutex<BTreeMap<String, String>>,
}

impl Account {
    /// The account of a server, in one of its dialects.
    async fn at(url: &str, dialect: Dialect) -> Self {
        let owner = Api::basic(url, API_KEY).unwrap();
        let form = [("name", DOMAIN)];
        // There already, where a test speaks to one server in several dialects.
        let _ = owner.call(Method::POST, "/v4/domains", Payload::Form(&form)).await;
        if dialect == Dialect::Mailgun {
            let (url, key) = (url.to_owned(), API_KEY.to_owned());
            return Self { dialect, url, key, org: None, api: owner, secrets: Mutex::default() };
        }
        let body = json!({ "dialect": dialect });
        let made = owner.call(Method::POST, "/waypost/v1/keys", Payload::Json(&body)).await;
        let made = made.unwrap();
        let key = made["key"].as_str().unwrap().to_owned();
        let org = made["org"].as_str().map(str::to_owned);
        let bearer = format!("Bearer {key}");
        let api_key = HeaderName::from_static("x-api-key");
        let credentials = match dialect {
            Dialect::Posthawk | Dialect::Wistfare => vec![(api_key, key.as_str())],
            Dialect::MailStack => vec![
                (AUTHORIZATION, bearer.as_str()),
                (HeaderName::from_static("x-mailstack-org"), org.as_deref().unwrap()),
            ],
            Dialect::MailingApi | Dialect::Mailgun => vec![(AUTHORIZATION, bearer.as_str())],
        };
        let api = Api::new(url, &credentials).unwrap();
        Self { dialect, url: url.to_owned(), key, org, api, secrets: Mutex::default() }
    }

    fn path(&self) -> &'static str {
        match self.dialect {
            Dialect::Mailgun => "/v3/domains/mg.example.com/webhooks",
            Dialect::Wistfare => "/api/v1/webhooks",
            _ => "/v1/webhooks",
        }
    }

    /// Registers a webhook as the provider's own clients do.
    async fn register(&self, url: &str, names: &[&str]) -> Option<String> {
        let body = match self.dialect {
            Dialect::Mailgun => {
                for name in names {
                    self.add_to_list(name, url).await;
                }
                return None;
            }
            Dialect::MailStack => json!({"url": url, "eventTypes": names.join(",")}),
            _ => json!({"url": url, "events": names}),
        };
        let made = self.api.call(Method::POST, self.path(), Payload::Json(&body)).await.unwrap();
        let secret = made.get("signingSecret").or_else(|| made.get("secret"));
        let secret = secret.and_then(Value::as_str).unwrap().to_owned();
        let made = made.get("webhook").unwrap_or(&made);
        let id = made["id"].as_str().unwrap().to_owned();
        self.secrets.lock().unwrap().insert(id.clone(), secret);
        Some(id)
    }

    /// The secret that was shown when a webhook was made.
    fn secret_of(&self, id: &str) -> String {
        self.secrets.lock().unwrap()[id].clone()
    }

    async fn add_to_list(&self, name: &str, url: &str) {
        let one = format!("{}/{name}", self.path());
        let there = self.api.get(&one).await.ok();
        let urls = there.and_then(|answer| answer.pointer("/webhook/urls").cloned());
        let urls: Vec<String> =
            urls.map(|urls| serde_json::from_value(urls).unwrap()).unwrap_or_default();
        let mut form: Vec<(&str, &str)> = urls.iter().map(|url| ("url", url.as_str())).collect();
        form.push(("url", url));
        let (method, path) = match urls.is_empty() {
            true => (Method::POST, self.path().to_owned()),
            false => (Method::PUT, one),
        };
        form.push(("id", name));
        self.api.call(method, &path, Payload::Form(&form)).await.unwrap();
    }

    /// Switches a webhook off.
    async fn pause(&self, id: &str, url: &str, names: &[&str]) {
        let path = format!("{}/{id}", self.path());
        let (method, body) = match self.dialect {
            Dialect::Posthawk => (Method::PATCH, json!({"enabled": false})),
            Dialect::Wistfare => (Method::PATCH, json!({"active": false})),
            Dialect::MailingApi => (Method::PATCH, json!({"status": "paused"})),
            Dialect::MailStack => {
                let body = json!({"url": url, "eventTypes": names.join(","), "enabled": false});
                (Method::PUT, body)
            }
            Dialect::Mailgun => panic!("Mailgun has no paused webhooks"),
        };
        self.api.call(method, &path, Payload::Json(&body)).await.unwrap();
    }

    /// What its API lists, less what every change touches.
    async fn list(&self) -> Value {
        let mut listed = self.api.get(self.path()).await.unwrap();
        let items = match &mut listed {
            Value::Array(items) => Some(items),
            other => other.get_mut("data").and_then(Value::as_array_mut),
        };
        for item in items.into_iter().flatten() {
            item.as_object_mut().unwrap().remove("updated_at");
        }
        listed
    }

    /// How many of its webhooks receive.
    async fn active(&self) -> usize {
        let listed = self.list().await;
        if let Some(lists) = listed.get("webhooks").and_then(Value::as_object) {
            return lists.len();
        }
        let items = listed.as_array().or_else(|| listed["data"].as_array()).unwrap();
        let on = |item: &&Value| {
            let flags = [item.get("enabled"), item.get("active")];
            let on = flags.into_iter().flatten().all(|flag| flag == true);
            on && item.get("status").is_none_or(|status| status == "active")
        };
        items.iter().filter(on).count()
    }

    /// The flags that name this account on one side of a migration, its key aside.
    fn flags(&self, side: &str) -> Vec<String> {
        let mut flags = vec![format!("--{side}-url"), self.url.clone()];
        if let Some(org) = &self.org {
            flags.extend([format!("--{side}-org"), org.clone()]);
        }
        flags
    }
}

/// A folder for plans and journals, and the keys of both sides in the environment.
struct Shell {
    folder: TempDir,
    environment: BTreeMap<&'static str, String>,
}

/// What a finished run said.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Shell {
    fn new(environment: &[(&'static str, &str)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self { folder: TempDir::new().unwrap(), environment: environment.collect() }
    }

    /// The same shell, in which a variable has another value, or none.
    fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.environment.remove(name);
        self.environment.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.plain(&[&["migrate"], arguments].concat())
    }

    fn plain(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WAYPOST_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(&self.environment);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs `waypost migrate` to its end, while this runtime goes on.
    async fn run(&self, arguments: &[&str]) -> Ran {
        self.waypost(&[&["migrate"], arguments].concat()).await
    }

    /// Runs `waypost` to its end.
    async fn waypost(&self, arguments: &[&str]) -> Ran {
        let mut command = self.plain(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let Output { status, stdout, stderr } = output;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }
}

impl Ran {
    #[track_caller]
    fn ok(self) -> Self {
        self.code(0)
    }

    #[track_caller]
    fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    /// Shows none of these anywhere.
    #[track_caller]
    fn hides(self, keys: &[&str]) -> Self {
        for key in keys {
            assert!(!self.out.contains(key) && !self.err.contains(key), "{}{}", self.out, self.err);
        }
        self
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "{word:?} in {}{}",
                self.out,
                self.err
            );
        }
        self
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
