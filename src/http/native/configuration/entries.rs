//! A file as it was read: each entry by itself, with its place for whoever has to mend it.

use std::collections::HashSet;

use serde_json::{Map, Value};
use waypost_compat::signature::Scheme;
use waypost_compat::{Provider, Secret};

use super::VERSION;
use crate::behaviour::Behaviour;
use crate::http::App;
use crate::http::mailgun::check_settings;
use crate::http::native::account::signing_key;
use crate::http::native::json::JsonObject;
use crate::http::native::register::{drafted, events};
use crate::http::native::sources::SECRETS_MAX;
use crate::http::native::webhooks::scheme_named;
use crate::http::native_error::{NativeError, quoted};
use crate::http::row_webhooks::Draft;
use crate::model::{
    AccountId, DnsRecord, DnsUse, DomainName, Serves, SourceId, Timestamp, Webhook, WebhookId,
    WebhookScope, WebhookState,
};

/// A file, checked as far as it can be without knowing what is there.
pub(super) struct File {
    /// The account that it is read for; the file names none, so it fits any.
    pub(super) account: AccountId,
    /// The time at which it was read.
    pub(super) now: Timestamp,
    /// The one domain that it is of, where it is not of the whole account.
    pub(super) only: Option<DomainName>,
    /// The account's name, where the file says it.
    pub(super) name: Option<String>,
    /// The account's signing key, likewise.
    pub(super) signing_key: Option<Secret>,
    /// The domains; a section that the file lacks is left alone.
    pub(super) domains: Option<Vec<DomainEntry>>,
    /// The sources.
    pub(super) sources: Option<Vec<SourceEntry>>,
    /// The webhooks.
    pub(super) webhooks: Option<Vec<WebhookEntry>>,
}

/// A domain as a file has it.
pub(super) struct DomainEntry {
    pub(super) place: String,
    pub(super) name: DomainName,
    pub(super) mailgun_id: Option<String>,
    /// The id that it gets if it is new and has none.
    pub(super) fresh_id: String,
    pub(super) settings: Option<Map<String, Value>>,
    /// The DNS records of the uses that it has any word of.
    pub(super) records: Vec<(DnsUse, Vec<DnsRecord>)>,
}

/// A source as a file has it.
pub(super) struct SourceEntry {
    pub(super) place: String,
    pub(super) id: Option<SourceId>,
    /// The id that it gets if it is new and has none.
    pub(super) fresh_id: SourceId,
    pub(super) provider: Provider,
    pub(super) domain: Option<DomainName>,
    pub(super) serves: Serves,
    pub(super) enabled: Option<bool>,
    pub(super) secrets: Option<Vec<Secret>>,
}

/// A webhook as a file has it.
pub(super) struct WebhookEntry {
    pub(super) place: String,
    pub(super) id: Option<WebhookId>,
    pub(super) scope: WebhookScope,
    pub(super) url: String,
    pub(super) events: Vec<String>,
    pub(super) description: Option<String>,
    pub(super) state: Option<WebhookState>,
    pub(super) scheme: Option<Scheme>,
    pub(super) secret: Option<Secret>,
    pub(super) previous: Option<(Secret, Timestamp)>,
    /// The webhook that its dialect's API makes of it, if it takes it at all: what is there already may stay,
    /// though it would not be taken today.
    pub(super) drafted: Result<Webhook, NativeError>,
}

/// The fields that a file may have, at the top and of each.
const FILE: [&str; 8] =
    ["waypost_export", "secrets", "domain", "account", "domains", "sources", "webhooks", "keys"];
const ACCOUNT: [&str; 2] = ["name", "signing_key"];
const DOMAIN: [&str; 5] =
    ["name", "mailgun_id", "settings", "receiving_dns_records", "sending_dns_records"];
const SOURCE: [&str; 6] = ["id", "dialect", "domain", "serves", "enabled", "secrets"];
const WEBHOOK: [&str; 10] = [
    "id",
    "dialect",
    "domain",
    "url",
    "events",
    "state",
    "signature",
    "description",
    "secret",
    "previous_secret",
];

/// The reader of entries.
struct Reader<'a> {
    app: &'a App,
    account: AccountId,
    now: Timestamp,
    /// The head's word on whether there are secrets.
    secrets: bool,
}

impl File {
    /// Reads a file. Nothing of it is taken if anything in it is not as it should be.
    pub(super) fn read(app: &App, account: AccountId, bytes: &[u8]) -> Result<Self, NativeError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            NativeError::malformed(format!("expected a file of `waypost export`: {error}"))
        })?;
        check_version(&value)?;
        let mut fields = JsonObject::of(value, &FILE)?;
        let secrets = fields.required("secrets", "`true` or `false`")?;
        let reader = Reader { app, account, now: app.clock.now(), secrets };
        let (mut name, mut signing_key) = (None, None);
        if let Some(value) = fields.take("account") {
            (name, signing_key) =
                reader.account_entry(value).map_err(|error| error.within("account"))?;
        }
        let file = Self {
            account,
            now: reader.now,
            only: parsed(&fields, "domain", "the name of a domain")?,
            name,
            signing_key,
            domains: section(&mut fields, "domains", |value, place| reader.domain(value, place))?,
            sources: section(&mut fields, "sources", |value, place| reader.source(value, place))?,
            webhooks: section(&mut fields, "webhooks", |value, place| {
                reader.webhook(value, place)
            })?,
        };
        // Keys are for information: what is said of them is neither read nor checked.
        let _keys: Option<Vec<Value>> = fields.optional("keys", "an array of keys")?;
        file.check_repeats()?;
        Ok(file)
    }

    fn check_repeats(&self) -> Result<(), NativeError> {
        let domains = self.domains.iter().flatten();
        let sources = self.sources.iter().flatten();
        let webhooks = self.webhooks.iter().flatten();
        let names = domains.map(|entry| (&entry.place, "name", entry.name.to_string()));
        let source_ids =
            sources.filter_map(|entry| Some((&entry.place, "id", entry.id?.to_string())));
        let webhook_ids =
            webhooks.filter_map(|entry| Some((&entry.place, "id", entry.id?.to_string())));
        let mut seen = HashSet::new();
        for (place, field, name) in names.chain(source_ids).chain(webhook_ids) {
            if seen.contains(&name) {
                let message = format!("{} is there twice", quoted(&name));
                return Err(NativeError::invalid(field, message).within(place));
            }
            seen.insert(name);
        }
        Ok(())
    }

    /// The place of a domain.
    pub(super) fn place_of_domain(&self, name: &DomainName) -> String {
        let mut entries = self.domains.iter().flatten();
        let entry = entries.find(|entry| entry.name == *name);
        entry.map_or_else(|| "domains".to_owned(), |entry| format!("{}.name", entry.place))
    }

    /// The place of a source.
    pub(super) fn place_of_source(&self, id: SourceId) -> String {
        let mut entries = self.sources.iter().flatten();
        let entry = entries.find(|entry| entry.id == Some(id));
        entry.map_or_else(|| "sources".to_owned(), |entry| format!("{}.id", entry.place))
    }

    /// The place of a webhook.
    pub(super) fn place_of_webhook(&self, id: WebhookId) -> String {
        let mut entries = self.webhooks.iter().flatten();
        let entry = entries.find(|entry| entry.id == Some(id));
        entry.map_or_else(|| "webhooks".to_owned(), |entry| format!("{}.id", entry.place))
    }
}

/// Looks at the version before anything else: a newer form may have what is unknown here.
fn check_version(value: &Value) -> Result<(), NativeError> {
    let expected = format!("expected {VERSION}, the head of a file of `waypost export`");
    let error = |message: String| Err(NativeError::invalid("waypost_export", message));
    match value.get("waypost_export").map(Value::as_u64) {
        Some(Some(VERSION)) => Ok(()),
        Some(Some(newer)) if newer > VERSION => {
            error(format!("expected version {VERSION}, found {newer}, which a newer Waypost wrote"))
        }
        Some(_) => error(format!("{expected}, found something else")),
        None => error(format!("{expected}, found nothing")),
    }
}

/// The entries of a section; `None` where the file has no such section.
fn section<T>(
    fields: &mut JsonObject,
    name: &str,
    read: impl Fn(Value, String) -> Result<T, NativeError>,
) -> Result<Option<Vec<T>>, NativeError> {
    let values = match fields.take(name) {
        None => return Ok(None),
        Some(Value::Array(values)) => values,
        Some(_) => {
            return Err(NativeError::invalid(name, "expected an array, found something else"));
        }
    };
    let each = values.into_iter().enumerate().map(|(index, value)| {
        let place = format!("{name}[{index}]");
        read(value, place.clone()).map_err(|error| error.within(&place))
    });
    each.collect::<Result<_, _>>().map(Some)
}

/// A field that is a text of a certain form.
fn parsed<T>(fields: &JsonObject, name: &str, expected: &str) -> Result<Option<T>, NativeError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: Option<String> = fields.optional(name, expected)?;
    let parse = |text: String| {
        text.parse().map_err(|error: T::Err| NativeError::invalid(name, error.to_string()))
    };
    text.map(parse).transpose()
}

impl Reader<'_> {
    fn account_entry(&self, value: Value) -> Result<(Option<String>, Option<Secret>), NativeError> {
        let fields = JsonObject::of(value, &ACCOUNT)?;
        let name = fields.label("name")?;
        if name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(NativeError::invalid("name", "expected a name, found an empty one"));
        }
        let key: Option<String> = fields.optional("signing_key", "the key as a text")?;
        if key.is_some() {
            self.may_have_secrets("signing_key")?;
        }
        Ok((name, key.map(signing_key).transpose()?))
    }

    fn domain(&self, value: Value, place: String) -> Result<DomainEntry, NativeError> {
        let mut fields = JsonObject::of(value, &DOMAIN)?;
        let expected = "the name of a domain";
        let name = parsed(&fields, "name", expected)?
            .ok_or_else(|| NativeError::invalid("name", format!("expected {expected}")))?;
        let mailgun_id: Option<String> = fields.optional("mailgun_id", "24 hex digits")?;
        let is_id = |id: &String| id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(id) = mailgun_id.as_ref().filter(|id| !is_id(id)) {
            let message = format!("expected 24 hex digits, found {}", quoted(id));
            return Err(NativeError::invalid("mailgun_id", message));
        }
        let settings = match fields.take("settings") {
            None => None,
            Some(Value::Object(settings)) => Some(settings),
            Some(_) => return Err(NativeError::invalid("settings", "expected an object")),
        };
        if let Some(settings) = &settings {
            check_settings(settings).map_err(|(field, message)| {
                NativeError::invalid(&field, message).within("settings")
            })?;
        }
        let mut records = Vec::new();
        for of in DnsUse::ALL {
            let given: Option<Vec<Value>> = fields.optional(of.field(), "an array of records")?;
            if let Some(given) = given {
                records.push((of, DnsRecord::list(of, &given)?));
            }
        }
        let fresh_id = format!("{:08x}{}", self.now.seconds(), self.app.clock.random_hex::<8>());
        Ok(DomainEntry { place, name, mailgun_id, fresh_id, settings, records })
    }

    fn source(&self, value: Value, place: String) -> Result<SourceEntry, NativeError> {
        let fields = JsonObject::of(value, &SOURCE)?;
        let serves = parsed(&fields, "serves", "`all`, `domain`, `account` or a webhook's id")?;
        let texts: Option<Vec<String>> = fields.optional("secrets", "an array of texts")?;
        if texts.is_some() {
            self.may_have_secrets("secrets")?;
        }
        if texts.as_ref().is_some_and(|texts| texts.len() > SECRETS_MAX) {
            let message = format!("expected at most {SECRETS_MAX} secrets");
            return Err(NativeError::invalid("secrets", message));
        }
        if texts.iter().flatten().any(|text| text.is_empty() || text.len() > 512) {
            return Err(NativeError::invalid("secrets", "expected texts of 1 to 512 bytes"));
        }
        Ok(SourceEntry {
            place,
            id: parsed(&fields, "id", "the id of a source")?,
            fresh_id: SourceId::timed(self.now, self.app.clock.random()),
            provider: fields.provider()?,
            domain: parsed(&fields, "domain", "the name of a domain")?,
            serves: serves.unwrap_or_default(),
            enabled: fields.optional("enabled", "`true` or `false`")?,
            secrets: texts.map(|texts| texts.into_iter().map(Secret::new).collect()),
        })
    }

    fn webhook(&self, value: Value, place: String) -> Result<WebhookEntry, NativeError> {
        let mut fields = JsonObject::of(value, &WEBHOOK)?;
        let scope = WebhookScope {
            account: self.account,
            domain: parsed(&fields, "domain", "the name of a domain")?,
            dialect: fields.dialect()?,
        };
        let previous = fields.take("previous_secret").map(|value| self.previous(value)).transpose();
        let previous = previous.map_err(|error| error.within("previous_secret"))?;
        let secret = self.secret(&fields, "secret")?;
        let has_own = Behaviour::of(scope.dialect).has_own_secrets();
        if !has_own && (secret.is_some() || previous.is_some()) {
            let message = "expected none: the account's signing key signs Mailgun's webhooks";
            return Err(NativeError::invalid("secret", message));
        }
        let draft = Draft {
            url: fields.required("url", "a URL")?,
            events: events(&fields)?,
            description: fields.optional("description", "a text")?,
            secret: secret.clone(),
            enabled: true,
        };
        let (url, names) = (draft.url.clone(), draft.events.clone());
        let description = draft.description.clone();
        let signature: Option<String> = fields.optional("signature", "the name of a signature")?;
        let scheme = signature.map(|name| scheme_named(scope.dialect, &name)).transpose()?;
        Ok(WebhookEntry {
            place,
            id: parsed(&fields, "id", "the id of a webhook")?,
            drafted: drafted(self.app, scope.clone(), draft),
            scope,
            url,
            events: names,
            description,
            state: fields.optional("state", "`active`, `paused` or `disabled`")?,
            scheme,
            secret,
            previous,
        })
    }

    fn previous(&self, value: Value) -> Result<(Secret, Timestamp), NativeError> {
        let fields = JsonObject::of(value, &["secret", "until"])?;
        let secret = self.secret(&fields, "secret")?;
        let secret = secret.ok_or_else(|| NativeError::invalid("secret", "expected a secret"))?;
        let expected = "a time such as `2026-01-15T10:30:00Z`";
        let text: String = fields.required("until", expected)?;
        let until = Timestamp::from_rfc3339(&text)
            .ok_or_else(|| NativeError::invalid("until", format!("expected {expected}")))?;
        Ok((secret, until))
    }

    fn secret(&self, fields: &JsonObject, name: &str) -> Result<Option<Secret>, NativeError> {
        let secret = fields.secret(name)?;
        if secret.is_some() {
            self.may_have_secrets(name)?;
        }
        Ok(secret)
    }

    /// A file whose head says that it may be shown around must not hold what may not.
    fn may_have_secrets(&self, field: &str) -> Result<(), NativeError> {
        if self.secrets {
            return Ok(());
        }
        let message = "expected none in a file whose head says `\"secrets\": false`";
        Err(NativeError::invalid(field, message))
    }
}
