//! A running Waypost as the target of a take-over: its native API, and Mailgun's for domains.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use waypost_compat::{Dialect, Secret};

use super::RowState;
use super::error::{Error, ErrorKind};
use super::plan::NewWebhook;
use super::progress::Progress;
use super::provider::{Repeat, Server, domain_form, unsendable};
use crate::client::api::{Api, Payload, path, query};

/// A gateway's API.
pub struct Gateway {
    server: Server,
}

/// An inventory of a gateway's account.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// The URL at which providers reach it.
    pub public_url: String,
    /// The names of its domains.
    pub domains: Vec<String>,
    /// The webhooks of one dialect.
    pub webhooks: Vec<KnownWebhook>,
    /// The sources of that dialect.
    pub sources: Vec<KnownSource>,
}

/// A webhook that a gateway has.
#[derive(Debug, Clone)]
pub struct KnownWebhook {
    /// The id.
    pub id: String,
    /// The domain; `None` for all of the account's.
    pub domain: Option<String>,
    /// The URL that it posts to.
    pub url: String,
    /// The event names.
    pub events: Vec<String>,
    /// The state.
    pub state: RowState,
}

/// A source that a gateway has.
#[derive(Debug, Clone)]
pub struct KnownSource {
    /// The id.
    pub id: String,
    /// The domain it feeds.
    pub domain: Option<String>,
    /// The subscriptions it serves.
    pub serves: String,
    /// The URL at which it takes events.
    pub ingest_url: String,
    /// True while it takes any.
    pub enabled: bool,
}

/// A source to be made.
pub struct NewSource<'a> {
    /// The provider.
    pub dialect: Dialect,
    /// The domain it feeds.
    pub domain: Option<&'a str>,
    /// The subscriptions it serves: a word, or the id of one.
    pub serves: &'a str,
    /// The secret that proves the provider.
    pub secret: &'a Secret,
}

const ACCOUNT: &str = "/waypost/v1/account";
/// The pause between looks at whether a test event was delivered, and their number: a receiver has
/// ten seconds to answer.
const SETTLED_LOOK_EVERY: Duration = Duration::from_millis(100);
const SETTLED_LOOKS_MAX: usize = 150;
const SIGNING_KEY: &str = "/v5/accounts/http_signing_key";

impl Gateway {
    /// Speaks to the gateway at `url` with an account-wide key. Nothing is sent yet.
    pub fn connect(url: &str, key: &str) -> Result<Self, Error> {
        let api = Api::basic(url.trim_end_matches('/'), key);
        let api = api.map_err(|error| unsendable(&error, "into", "--into"))?;
        Ok(Self { server: Server::new(api, "the gateway".to_owned(), url, "into") })
    }

    /// The same, whose calls are tried for so long.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { server: self.server.patient(patience) }
    }

    /// Reads what its account has of a dialect, and its domains.
    pub async fn inventory(
        &self,
        dialect: Dialect,
        progress: &mut dyn Progress,
    ) -> Result<Inventory, Error> {
        let account = self.server.get(ACCOUNT, progress).await?;
        let public_url = text(&account, "public_url");
        let of_dialect = |item: &&Value| text(item, "dialect").as_deref() == Some(dialect.as_str());
        let webhooks = self.pages("/waypost/v1/webhooks", progress).await?;
        let sources = self.sources(progress).await?;
        Ok(Inventory {
            public_url: public_url.ok_or_else(|| self.server.unexpected("its public URL"))?,
            domains: super::provider::domain_names(&self.server, progress).await?,
            webhooks: webhooks.iter().filter(of_dialect).filter_map(known_webhook).collect(),
            sources: sources.iter().filter(of_dialect).filter_map(known_source).collect(),
        })
    }

    /// Every source of the account.
    async fn sources(&self, progress: &mut dyn Progress) -> Result<Vec<Value>, Error> {
        self.pages("/waypost/v1/sources", progress).await
    }

    /// All items of a listing, page by page.
    async fn pages(&self, at: &str, progress: &mut dyn Progress) -> Result<Vec<Value>, Error> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let page = query(at, &[("cursor", cursor)]);
            let answer = self.server.get(&page, progress).await?;
            let found = answer.get("items").and_then(Value::as_array);
            items.extend(found.ok_or_else(|| self.server.unexpected("a list"))?.iter().cloned());
            cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// The key that signs its Mailgun deliveries.
    pub async fn signing_key(&self, progress: &mut dyn Progress) -> Result<Secret, Error> {
        let answer = self.server.get(SIGNING_KEY, progress).await?;
        let key = text(&answer, "http_signing_key");
        key.map(Secret::new).ok_or_else(|| self.server.unexpected("its signing key"))
    }

    /// Replaces that key.
    pub async fn set_signing_key(
        &self,
        key: &Secret,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let body = json!({ "signing_key": key.expose() });
        let call = (Method::PATCH, ACCOUNT, Payload::Json(&body));
        self.server.call(call, Repeat::Always, progress).await.map(|_| ())
    }

    /// Makes a domain; one that the account has already is made.
    pub async fn add_domain(
        &self,
        name: &str,
        settings: &serde_json::Map<String, Value>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let form = domain_form(name, settings);
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (&**k, &**v)).collect();
        let call = (Method::POST, "/v4/domains", Payload::Form(&form));
        let Err(refused) = self.server.call(call, Repeat::Always, progress).await else {
            return Ok(());
        };
        match self.server.get(&path(&["v4", "domains", name]), progress).await {
            Ok(_) => Ok(()),
            Err(_) => Err(refused.and(format_args!("another account of this gateway has {name}"))),
        }
    }

    /// Keeps the DNS records that a domain shall report.
    pub async fn set_records(
        &self,
        name: &str,
        records: &serde_json::Map<String, Value>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let (at, body) = (path(&["waypost", "v1", "domains", name]), json!(records));
        let call = (Method::PATCH, &*at, Payload::Json(&body));
        self.server.call(call, Repeat::Always, progress).await.map(|_| ())
    }

    /// Makes a webhook under an id that was chosen for it, so that doing it twice is doing it once.
    pub async fn add_webhook(
        &self,
        (id, webhook): (&str, &NewWebhook),
        secret: Option<&Secret>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let mut body = json!({
            "id": id,
            "dialect": webhook.dialect,
            "url": webhook.url,
            "events": webhook.events,
        });
        let optional = [
            ("domain", webhook.domain.as_deref()),
            ("description", webhook.description.as_deref()),
            ("secret", secret.map(Secret::expose)),
        ];
        for (field, value) in optional.into_iter().filter_map(|(f, v)| Some((f, v?))) {
            body[field] = json!(value);
        }
        let call = (Method::POST, "/waypost/v1/webhooks", Payload::Json(&body));
        let Err(refused) = self.server.call(call, Repeat::Always, progress).await else {
            return Ok(());
        };
        let at = path(&["waypost", "v1", "webhooks", id]);
        // An earlier try whose answer got lost has made it.
        self.server.get(&at, progress).await.map(|_| ()).map_err(|_| refused)
    }

    /// Makes a source. Made once at most: where the answer got lost, that is
    /// [`ErrorKind::Unreachable`].
    pub async fn add_source(
        &self,
        source: &NewSource<'_>,
        progress: &mut dyn Progress,
    ) -> Result<KnownSource, Error> {
        let at = match source.domain {
            Some(domain) => path(&["waypost", "v1", "domains", domain, "sources"]),
            None => "/waypost/v1/sources".to_owned(),
        };
        let body = json!({
            "dialect": source.dialect,
            "secret": source.secret.expose(),
            "serves": source.serves,
        });
        let call = (Method::POST, &*at, Payload::Json(&body));
        let answer = self.server.call(call, Repeat::OnlyIfNotDone, progress).await?;
        known_source(&answer).ok_or_else(|| self.server.unexpected("the source that it made"))
    }

    /// A source of this provider that feeds this domain and serves this, and is not among `others`:
    /// the trace of a try whose answer got lost.
    pub async fn unrecorded_source(
        &self,
        (dialect, domain, serves): (Dialect, Option<&str>, &str),
        others: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<Option<KnownSource>, Error> {
        let dialect = dialect.as_str();
        let all = self.sources(progress).await?;
        let alike = all.iter().filter(|item| text(item, "dialect").as_deref() == Some(dialect));
        Ok(alike.filter_map(known_source).find(|source| {
            source.domain.as_deref() == domain
                && source.serves == serves
                && !others.contains(&&*source.id)
        }))
    }

    /// Lets a source serve other subscriptions.
    pub async fn serve(
        &self,
        source: &str,
        serves: &str,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let (at, body) = (path(&["waypost", "v1", "sources", source]), json!({"serves": serves}));
        let call = (Method::PATCH, &*at, Payload::Json(&body));
        self.server.call(call, Repeat::Always, progress).await.map(|_| ())
    }

    /// Removes something; what is gone already is removed.
    pub async fn remove(&self, parts: &[&str], progress: &mut dyn Progress) -> Result<(), Error> {
        let at = path(parts);
        let call = (Method::DELETE, &*at, Payload::None);
        match self.server.call(call, Repeat::Always, progress).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Counts the deliveries of a webhook that wait, up to a page of them.
    pub async fn waiting(
        &self,
        webhook: &str,
        progress: &mut dyn Progress,
    ) -> Result<usize, Error> {
        let parameters =
            [("webhook", Some(webhook.to_owned())), ("state", Some("waiting".to_owned()))];
        let mut count = 0;
        let mut cursor: Option<String> = None;
        loop {
            let [webhook, state] = parameters.clone();
            let page = query("/waypost/v1/deliveries", &[webhook, state, ("cursor", cursor)]);
            let answer = self.server.get(&page, progress).await?;
            count += answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
            cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || count > 0 {
                return Ok(count);
            }
        }
    }

    /// The time at which a source last took an event, as RFC 3339.
    pub async fn last_event(
        &self,
        source: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<String>, Error> {
        let mut cursor: Option<String> = None;
        loop {
            let parameters = [
                ("source", Some(source.to_owned())),
                ("limit", Some("1".to_owned())),
                ("cursor", cursor),
            ];
            let answer =
                self.server.get(&query("/waypost/v1/events", &parameters), progress).await?;
            let first = answer.pointer("/items/0").and_then(|event| text(event, "received_at"));
            cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if first.is_some() || cursor.is_none() {
                return Ok(first);
            }
        }
    }

    /// Something, if it is there.
    pub async fn find(
        &self,
        parts: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<Option<Value>, Error> {
        match self.server.get(&path(parts), progress).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Tells whether something is there.
    pub async fn has(&self, parts: &[&str], progress: &mut dyn Progress) -> Result<bool, Error> {
        Ok(self.find(parts, progress).await?.is_some())
    }

    /// The states of an event's deliveries, by URL, once none waits; as they are after the last
    /// look, if some still do.
    pub async fn deliveries_of(
        &self,
        event: &str,
        progress: &mut dyn Progress,
    ) -> Result<Vec<(String, String)>, Error> {
        let at = query("/waypost/v1/deliveries", &[("event", Some(event.to_owned()))]);
        let mut looks = 0;
        loop {
            let answer = self.server.get(&at, progress).await?;
            let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            let each =
                items.iter().filter_map(|item| Some((text(item, "url")?, text(item, "state")?)));
            let all: Vec<(String, String)> = each.collect();
            looks += 1;
            if looks == SETTLED_LOOKS_MAX || all.iter().all(|(_, state)| state != "waiting") {
                return Ok(all);
            }
            tokio::time::sleep(SETTLED_LOOK_EVERY).await;
        }
    }

    /// Tells whether a domain has webhooks or sources.
    pub async fn is_used(&self, domain: &str, progress: &mut dyn Progress) -> Result<bool, Error> {
        let at = query("/waypost/v1/webhooks", &[("domain", Some(domain.to_owned()))]);
        let webhooks = self.server.get(&at, progress).await?;
        let own = |item: &Value| text(item, "domain").as_deref() == Some(domain);
        let webhooks = webhooks.get("items").and_then(Value::as_array);
        let sources = self.sources(progress).await?;
        Ok(webhooks.is_some_and(|items| items.iter().any(own)) || sources.iter().any(own))
    }
}

fn text(item: &Value, field: &str) -> Option<String> {
    item.get(field)?.as_str().map(str::to_owned)
}

fn known_webhook(item: &Value) -> Option<KnownWebhook> {
    let events = item.get("events")?.as_array()?.iter();
    Some(KnownWebhook {
        id: text(item, "id")?,
        domain: text(item, "domain"),
        url: text(item, "url")?,
        events: events.filter_map(Value::as_str).map(str::to_owned).collect(),
        state: match item.get("state").and_then(Value::as_str) {
            Some("paused") => RowState::Paused,
            Some("disabled") => RowState::Disabled,
            _ => RowState::Active,
        },
    })
}

fn known_source(item: &Value) -> Option<KnownSource> {
    Some(KnownSource {
        id: text(item, "id")?,
        domain: text(item, "domain"),
        serves: text(item, "serves")?,
        ingest_url: text(item, "ingest_url")?,
        enabled: item.get("enabled").and_then(Value::as_bool).unwrap_or(true),
    })
}
