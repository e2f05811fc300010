//! Interruption: the program is killed at every call that changes something, once before the call
//! arrives and once after it was carried out and before its answer is back.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Response};
use http_body_util::Full;
use serde_json::Value;
use waypost::client::api::{Api, Payload};
use waypost_compat::Dialect;

use super::proxy::{Act, Proxy};
use super::{Account, Server, Shell};
use crate::support::process::API_KEY;

/// When the victim dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before the call arrives.
    Before,
    /// After it was carried out, before the answer is back.
    After,
}

/// Kills a process at its n-th call that changes something.
#[derive(Default)]
struct Trap {
    /// Calls to let pass, and the moment of the next; none once it has sprung.
    set: Mutex<Option<(usize, Moment)>>,
    seen: AtomicUsize,
    victim: Mutex<Option<u32>>,
}

impl Trap {
    fn set(&self, after: usize, moment: Moment) {
        self.seen.store(0, Ordering::SeqCst);
        *self.set.lock().unwrap() = Some((after, moment));
    }

    /// Whether it is still set: then the victim went through.
    fn disarm(&self) -> bool {
        self.set.lock().unwrap().take().is_some()
    }

    /// The moment at which this call kills, if it does.
    fn springs(&self) -> Option<Moment> {
        let number = self.seen.fetch_add(1, Ordering::SeqCst);
        let mut set = self.set.lock().unwrap();
        let (_, moment) = set.take_if(|(after, _)| *after == number)?;
        Some(moment)
    }

    fn kill(&self) {
        if let Some(id) = self.victim.lock().unwrap().take() {
            Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
        }
    }
}

/// A proxy with a trap in it.
async fn trapped(server: &str, trap: &Arc<Trap>) -> Proxy {
    let trap = Arc::clone(trap);
    Proxy::before(server, move |head| {
        let moment = if head.method == Method::GET { None } else { trap.springs() };
        match moment {
            None => Act::Pass,
            Some(Moment::Before) => {
                trap.kill();
                Act::Answer(Response::new(Full::default()))
            }
            Some(Moment::After) => {
                let trap = Arc::clone(&trap);
                Act::Afterwards(Box::new(move |answer| {
                    trap.kill();
                    answer
                }))
            }
        }
    })
    .await
}

/// A move that can be broken off anywhere.
struct Scene {
    shell: Shell,
    trap: Arc<Trap>,
    plan: Vec<String>,
    apply: Vec<String>,
    rollback: Vec<String>,
    accounts: Vec<Account>,
    /// The gateway, of which a complete rollback leaves nothing.
    gateway: Option<Api>,
    _proxies: Vec<Proxy>,
    _servers: Vec<Server>,
}

impl Scene {
    /// What the providers' APIs list.
    async fn lists(&self) -> Vec<Value> {
        let mut lists = Vec::new();
        for account in &self.accounts {
            lists.push(account.list().await);
            if account.dialect == Dialect::Mailgun {
                lists.push(account.api.get("/v1/webhooks").await.unwrap());
            }
        }
        lists
    }

    async fn run(&self, arguments: &[String]) -> super::Ran {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.shell.run(&arguments).await
    }

    /// Runs until the trap springs; `false` if it went through.
    async fn broken(&self, arguments: &[String], after: usize, moment: Moment) -> bool {
        self.trap.set(after, moment);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.shell.command(&arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut victim = command.spawn().unwrap();
        *self.trap.victim.lock().unwrap() = Some(victim.id());
        tokio::task::spawn_blocking(move || victim.wait().unwrap()).await.unwrap();
        *self.trap.victim.lock().unwrap() = None;
        !self.trap.disarm()
    }

    async fn new_plan(&self) {
        for file in std::fs::read_dir(self.shell.folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        let ran = self.run(&self.plan).await;
        assert!([0, 3].contains(&ran.code), "{}{}", ran.out, ran.err);
    }

    async fn assert_nothing_left(&self, when: &str) {
        let Some(gateway) = &self.gateway else { return };
        for place in ["/waypost/v1/sources", "/waypost/v1/webhooks", "/v4/domains"] {
            let left = gateway.get(place).await.unwrap();
            assert_eq!(left["items"], serde_json::json!([]), "{when}: {place}");
        }
    }

    /// Breaks the move off at every call, and goes on or back from there.
    async fn broken_everywhere(&self, name: &str) {
        let before = self.lists().await;
        self.new_plan().await;
        self.run(&self.apply).await.ok();
        let whole: Vec<Value> = self.lists().await.iter().map(nameless).collect();
        let mut calls = 0;
        while self.broken(&self.rollback, calls, Moment::After).await {
            self.run(&self.rollback).await.ok();
            let when = format!("{name}: rollback broken off after call {calls}");
            assert_eq!(self.lists().await, before, "{when}");
            self.new_plan().await;
            self.run(&self.apply).await.ok();
            calls += 1;
        }
        assert!(calls > 0 && self.lists().await == before, "{name}: rolled back in one go");
        for moment in [Moment::Before, Moment::After] {
            let mut calls = 0;
            loop {
                let when = format!("{name}: broken off {moment:?} call {calls}");
                self.new_plan().await;
                let broke = self.broken(&self.apply, calls, moment).await;
                self.run(&self.apply).await.ok();
                let now: Vec<Value> = self.lists().await.iter().map(nameless).collect();
                assert_eq!(now, whole, "{when}: the same state in the end");
                self.run(&self.rollback).await.ok();
                assert_eq!(self.lists().await, before, "{when}: back from the end");
                self.new_plan().await;
                self.broken(&self.apply, calls, moment).await;
                self.run(&self.rollback).await.ok();
                assert_eq!(self.lists().await, before, "{when}: back from there");
                self.assert_nothing_left(&when).await;
                calls += 1;
                if !broke {
                    break;
                }
            }
            assert!(calls > 2, "{name}: it was broken off at {calls} calls only");
        }
    }
}

/// A listing without what is made anew each time.
fn nameless(listed: &Value) -> Value {
    match listed {
        Value::Array(items) => items.iter().map(nameless).collect(),
        Value::Object(fields) => {
            let made_anew = ["id", "webhook_id", "secret", "secretHint", "created_at", "createdAt"];
            let kept = fields.iter().filter(|(name, _)| !made_anew.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), nameless(value))).collect()
        }
        Value::String(text) => match text.split_once("/ingest/") {
            Some((server, _)) => Value::String(format!("{server}/ingest/…")),
            None => listed.clone(),
        },
        other => other.clone(),
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&text| text.to_owned()).collect()
}

/// A move between two providers that is retired at once.
async fn between(from: Dialect, to: Dialect) -> Scene {
    let (old, new) = (Server::start(), Server::start());
    let trap = Arc::<Trap>::default();
    let source = Account::at(&old.process.url, from).await;
    let target = Account::at(&new.process.url, to).await;
    let names = from.names();
    source.register("https://one.example/", &names[..3]).await;
    if let Some(id) = source.register("https://off.example/", &names[1..2]).await {
        source.pause(&id, "https://off.example/", &names[1..2]).await;
    }
    target.register("https://there.before/", &to.names()[..2]).await;
    let proxies = vec![trapped(&source.url, &trap).await, trapped(&target.url, &trap).await];
    let mut ends = owned(&["--from-url", &proxies[0].url, "--to-url", &proxies[1].url]);
    for (flag, account) in [("--from-org", &source), ("--to-org", &target)] {
        if let Some(org) = &account.org {
            ends.extend([flag.to_owned(), org.clone()]);
        }
    }
    let (from, to) = (from.to_string(), to.to_string());
    let plan = owned(&["plan", "--from", &from, "--to", &to, "--out", "move.plan"]);
    let keys = [("WAYPOST_FROM_KEY", &*source.key), ("WAYPOST_TO_KEY", &*target.key)];
    Scene {
        shell: Shell::new(&keys),
        trap,
        plan: [plan, ends.clone()].concat(),
        apply: [owned(&["apply", "move.plan", "--retire"]), ends.clone()].concat(),
        rollback: [owned(&["rollback", "move.plan.journal", "--settle", "0s"]), ends].concat(),
        accounts: vec![source, target],
        gateway: None,
        _proxies: proxies,
        _servers: vec![old, new],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_mailgun_survives_being_killed_anywhere() {
    between(Dialect::Posthawk, Dialect::Mailgun).await.broken_everywhere("to mailgun").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_posthawk_survives_being_killed_anywhere() {
    between(Dialect::Mailgun, Dialect::Posthawk).await.broken_everywhere("to posthawk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_mailstack_survives_being_killed_anywhere() {
    between(Dialect::Wistfare, Dialect::MailStack).await.broken_everywhere("to mailstack").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_wistfare_survives_being_killed_anywhere() {
    between(Dialect::MailStack, Dialect::Wistfare).await.broken_everywhere("to wistfare").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_mailingapi_survives_being_killed_anywhere() {
    between(Dialect::Posthawk, Dialect::MailingApi).await.broken_everywhere("to mailingapi").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_into_a_gateway_survives_being_killed_anywhere() {
    let (old, gateway) = (Server::start(), Server::start());
    let trap = Arc::<Trap>::default();
    let source = Account::at(&old.process.url, Dialect::Mailgun).await;
    source.register("https://both.example/", &["delivered", "opened"]).await;
    let api = Api::basic(&source.url, API_KEY).unwrap();
    for url in ["https://both.example/", "https://account.example/"] {
        let form = [("url", url), ("event_types", "delivered"), ("description", "label")];
        api.call(Method::POST, "/v1/webhooks", Payload::Form(&form)).await.unwrap();
    }
    let proxies =
        vec![trapped(&source.url, &trap).await, trapped(&gateway.process.url, &trap).await];
    let ends = owned(&["--from-url", &proxies[0].url, "--into", &proxies[1].url]);
    let plan = owned(&["plan", "--from", "mailgun", "--allow-private", "--out", "move.plan"]);
    let keys = [("WAYPOST_FROM_KEY", API_KEY), ("WAYPOST_INTO_KEY", API_KEY)];
    let clear = ["rollback", "move.plan.journal", "--settle", "0s", "--retire", "--after", "0s"];
    let scene = Scene {
        shell: Shell::new(&keys),
        trap,
        plan: [plan, ends.clone()].concat(),
        apply: [owned(&["apply", "move.plan"]), ends.clone()].concat(),
        rollback: [owned(&clear), ends].concat(),
        accounts: vec![source],
        gateway: Some(Api::basic(&gateway.process.url, API_KEY).unwrap()),
        _proxies: proxies,
        _servers: vec![old, gateway],
    };
    scene.broken_everywhere("into a gateway").await;
}
