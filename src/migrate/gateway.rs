//! A running Waypost as the target of a take-over: its native API, and Mailgun's for domains.

mod inventory;

use std::time::Duration;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use waypost_compat::{Dialect, Secret};

pub use self::inventory::{Inventory, KnownSource, KnownWebhook};
use super::error::{Error, ErrorKind};
use super::plan::NewWebhook;
use super::progress::Progress;
use super::provider::{Repeat, Server, domain_form, unsendable};
use crate::api::{
    CreateSource, CreateWebhook, DeliverySummary, Event, OwnAccount, Page, Source, Time,
    UpdateAccount, UpdateSource, Webhook,
};
use crate::client::api::{Api, Payload, path, query};
use crate::model::{DeliveryState, DomainName, InvalidServes, Serves};

/// A gateway's API.
pub struct Gateway {
    server: Server,
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
/// The interval between looks at whether a test event was delivered.
const SETTLED_LOOK_EVERY: Duration = Duration::from_millis(100);
/// The most looks: a receiver has ten seconds to answer.
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

    /// The state of its account, as far as it is of a dialect.
    pub async fn inventory(
        &self,
        dialect: Dialect,
        progress: &mut dyn Progress,
    ) -> Result<Inventory, Error> {
        let account: OwnAccount = self.read(ACCOUNT, "its public URL", progress).await?;
        let webhooks: Vec<Webhook> = self.pages("/waypost/v1/webhooks", progress).await?;
        let sources = self.sources(progress).await?;
        let webhooks = webhooks.into_iter().filter(|webhook| webhook.dialect == dialect);
        let sources = sources.into_iter().filter(|source| source.dialect == dialect.provider());
        Ok(Inventory {
            public_url: account.public_url,
            domains: super::provider::domain_names(&self.server, progress).await?,
            webhooks: webhooks.map(KnownWebhook::from).collect(),
            sources: sources.map(KnownSource::from).collect(),
        })
    }

    /// Asks for something of a known type, told as `what` where it is not that.
    async fn read<T: DeserializeOwned>(
        &self,
        at: &str,
        what: &str,
        progress: &mut dyn Progress,
    ) -> Result<T, Error> {
        let answer = self.server.get(at, progress).await?;
        serde_json::from_value(answer).map_err(|_| self.server.unexpected(what))
    }

    /// Every source of the account.
    async fn sources(&self, progress: &mut dyn Progress) -> Result<Vec<Source>, Error> {
        self.pages("/waypost/v1/sources", progress).await
    }

    /// All items of a listing, page by page.
    async fn pages<T: DeserializeOwned>(
        &self,
        at: &str,
        progress: &mut dyn Progress,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        let mut cursor = None;
        loop {
            let at = query(at, &[("cursor", cursor)]);
            let page: Page<T> = self.read(&at, "a list", progress).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// The key that signs its Mailgun deliveries.
    pub async fn signing_key(&self, progress: &mut dyn Progress) -> Result<Secret, Error> {
        let answer = self.server.get(SIGNING_KEY, progress).await?;
        let key = answer.get("http_signing_key").and_then(Value::as_str);
        key.map(Secret::new).ok_or_else(|| self.server.unexpected("its signing key"))
    }

    /// Replaces the key that signs its Mailgun deliveries.
    pub async fn set_signing_key(
        &self,
        key: &Secret,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let request = Payload::json(&UpdateAccount { signing_key: key.expose() });
        let call = (Method::PATCH, ACCOUNT, request);
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
        let at = path(&["waypost", "v1", "domains", name]);
        let call = (Method::PATCH, &*at, Payload::json(records));
        self.server.call(call, Repeat::Always, progress).await.map(|_| ())
    }

    /// Makes a webhook under an id that was chosen for it, so that doing it twice is doing it once.
    pub async fn add_webhook(
        &self,
        (id, webhook): (&str, &NewWebhook),
        secret: Option<&Secret>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let request = Payload::json(&CreateWebhook {
            id,
            dialect: webhook.dialect,
            url: &webhook.url,
            events: &webhook.events,
            domain: webhook.domain.as_deref(),
            description: webhook.description.as_deref(),
            secret: secret.map(Secret::expose),
        });
        let call = (Method::POST, "/waypost/v1/webhooks", request);
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
        let request = Payload::json(&CreateSource {
            dialect: source.dialect.provider(),
            secret: Some(source.secret.expose()),
            serves: Some(served(source.serves)?),
        });
        let call = (Method::POST, &*at, request);
        let answer = self.server.call(call, Repeat::OnlyIfNotDone, progress).await?;
        let made = serde_json::from_value::<Source>(answer);
        made.map(KnownSource::from).map_err(|_| self.server.unexpected("the source that it made"))
    }

    /// A source of this provider that feeds this domain and serves this, and is not among `others`:
    /// the trace of a try whose answer got lost.
    pub async fn unrecorded_source(
        &self,
        (dialect, domain, serves): (Dialect, Option<&str>, &str),
        others: &[&str],
        progress: &mut dyn Progress,
    ) -> Result<Option<KnownSource>, Error> {
        let all = self.sources(progress).await?;
        let alike = all.into_iter().filter(|source| source.dialect == dialect.provider());
        Ok(alike.map(KnownSource::from).find(|source| {
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
        let at = path(&["waypost", "v1", "sources", source]);
        let request = UpdateSource { serves: Some(served(serves)?), ..UpdateSource::default() };
        let call = (Method::PATCH, &*at, Payload::json(&request));
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

    /// The number of deliveries of a webhook that wait, up to a page of them.
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
            let page: Page<DeliverySummary> = self.read(&page, "a list", progress).await?;
            count += page.items.len();
            cursor = page.next;
            if cursor.is_none() || count > 0 {
                return Ok(count);
            }
        }
    }

    /// The time at which a source last took an event.
    pub async fn last_event(
        &self,
        source: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<Time>, Error> {
        let mut cursor: Option<String> = None;
        loop {
            let parameters = [
                ("source", Some(source.to_owned())),
                ("limit", Some("1".to_owned())),
                ("cursor", cursor),
            ];
            let at = query("/waypost/v1/events", &parameters);
            let page: Page<Event> = self.read(&at, "a list", progress).await?;
            let first = page.items.first().map(|event| event.received_at);
            cursor = page.next;
            if first.is_some() || cursor.is_none() {
                return Ok(first);
            }
        }
    }

    /// A source of the account, if it is there.
    pub async fn source(
        &self,
        id: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<Source>, Error> {
        self.find(&["waypost", "v1", "sources", id], "a source", progress).await
    }

    /// A webhook of the account, if it is there.
    pub async fn webhook(
        &self,
        id: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<Webhook>, Error> {
        self.find(&["waypost", "v1", "webhooks", id], "a webhook", progress).await
    }

    /// True if the account has a domain.
    pub async fn has_domain(&self, name: &str, progress: &mut dyn Progress) -> Result<bool, Error> {
        let found: Option<Value> =
            self.find(&["v4", "domains", name], "a domain", progress).await?;
        Ok(found.is_some())
    }

    async fn find<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        what: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<T>, Error> {
        match self.read(&path(parts), what, progress).await {
            Err(trouble) if trouble.kind == ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// An event's deliveries once none waits; as they stand then, if some still do.
    pub async fn deliveries_of(
        &self,
        event: &str,
        progress: &mut dyn Progress,
    ) -> Result<Vec<DeliverySummary>, Error> {
        let at = query("/waypost/v1/deliveries", &[("event", Some(event.to_owned()))]);
        let mut looks = 0;
        loop {
            let Page { items, .. }: Page<DeliverySummary> =
                self.read(&at, "a list", progress).await?;
            let is_waiting = |delivery: &DeliverySummary| delivery.state == DeliveryState::Waiting;
            looks += 1;
            if looks == SETTLED_LOOKS_MAX || !items.iter().any(is_waiting) {
                return Ok(items);
            }
            tokio::time::sleep(SETTLED_LOOK_EVERY).await;
        }
    }

    /// True if a domain has webhooks or sources.
    pub async fn is_used(&self, domain: &str, progress: &mut dyn Progress) -> Result<bool, Error> {
        let at = query("/waypost/v1/webhooks", &[("domain", Some(domain.to_owned()))]);
        let webhooks: Page<Webhook> = self.read(&at, "a list", progress).await?;
        let sources = self.sources(progress).await?;
        let own = |of: &Option<DomainName>| of.as_ref().is_some_and(|of| of.as_str() == domain);
        let has_webhooks = webhooks.items.iter().any(|webhook| own(&webhook.domain));
        Ok(has_webhooks || sources.iter().any(|source| own(&source.domain)))
    }
}

/// The subscriptions that a plan has a source serve.
fn served(text: &str) -> Result<Serves, Error> {
    text.parse().map_err(|error: InvalidServes| Error::failed(error.to_string()))
}
