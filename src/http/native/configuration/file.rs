//! The file that an account's configuration is exported as: fields in a fixed order, entries
//! sorted.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use waypost_compat::{Dialect, Provider, Secret};

use super::VERSION;
use crate::model::{
    DnsUse, Domain, DomainName, Key, KeyId, Scope, Serves, Source, SourceId, Webhook, WebhookId,
    WebhookState,
};
use crate::store::Configuration;

/// The choice of writing secrets or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Written, and the file's head says so.
    Shown,
    /// Left out.
    Hidden,
}

/// The part of a configuration that is written.
pub(super) struct Part<'a> {
    /// One domain, or all of the account.
    pub(super) of: Option<&'a DomainName>,
    /// With secrets or without.
    pub(super) secrets: Secrets,
}

#[derive(Serialize)]
struct FileText<'a> {
    waypost_export: u64,
    secrets: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a DomainName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountText<'a>>,
    domains: Vec<DomainText<'a>>,
    sources: Vec<SourceText<'a>>,
    webhooks: Vec<WebhookText<'a>>,
    keys: Vec<KeyText<'a>>,
}

#[derive(Serialize)]
struct AccountText<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<&'a str>,
}

#[derive(Serialize)]
struct DomainText<'a> {
    name: &'a DomainName,
    mailgun_id: &'a str,
    settings: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "Value::is_null")]
    receiving_dns_records: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    sending_dns_records: Value,
}

#[derive(Serialize)]
struct SourceText<'a> {
    id: SourceId,
    #[serde(rename = "dialect")]
    provider: Provider,
    domain: Option<&'a DomainName>,
    serves: Serves,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<Vec<&'a str>>,
}

#[derive(Serialize)]
struct WebhookText<'a> {
    id: WebhookId,
    dialect: Dialect,
    domain: Option<&'a DomainName>,
    url: &'a str,
    events: &'a [String],
    state: WebhookState,
    signature: &'static str,
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret: Option<PreviousText<'a>>,
}

#[derive(Serialize)]
struct PreviousText<'a> {
    secret: &'a str,
    until: String,
}

#[derive(Serialize)]
struct KeyText<'a> {
    id: KeyId,
    dialect: Dialect,
    domain: Option<&'a DomainName>,
    scope: Scope,
    description: Option<&'a str>,
    created_at: String,
    expires_at: Option<String>,
}

/// A configuration as a file.
pub(super) fn text(part: &Part<'_>, configuration: &Configuration, keys: &[Key]) -> String {
    let within = |domain: Option<&DomainName>| part.of.is_none() || part.of == domain;
    let Configuration { account, domains, sources, webhooks } = configuration;
    let mut sources: Vec<&Source> =
        sources.values().filter(|source| within(source.domain.as_ref())).collect();
    sources.sort_by_key(|source| (&source.domain, source.id));
    let mut keys: Vec<&Key> = keys.iter().filter(|key| within(key.domain.as_ref())).collect();
    keys.sort_by_key(|key| (key.created_at, key.id));
    let scopes = webhooks.iter().filter(|(scope, _)| within(scope.domain.as_ref()));
    let file = FileText {
        waypost_export: VERSION,
        secrets: part.secrets == Secrets::Shown,
        domain: part.of,
        account: part.of.is_none().then(|| AccountText {
            name: &account.name,
            signing_key: part.shown(&account.signing_key),
        }),
        domains: domains.values().filter(|d| within(Some(&d.name))).map(domain).collect(),
        sources: sources.into_iter().map(|source| part.source(source)).collect(),
        webhooks: scopes.flat_map(|(_, list)| list).map(|webhook| part.webhook(webhook)).collect(),
        keys: keys.into_iter().map(key).collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("a file has string keys only");
    text.push('\n');
    text
}

impl Part<'_> {
    fn shown<'s>(&self, secret: &'s Secret) -> Option<&'s str> {
        match self.secrets {
            Secrets::Shown => Some(secret.expose()),
            Secrets::Hidden => None,
        }
    }

    fn source<'s>(&self, source: &'s Source) -> SourceText<'s> {
        let secrets = source.secrets.iter().map(Secret::expose).collect();
        SourceText {
            id: source.id,
            provider: source.provider,
            domain: source.domain.as_ref(),
            serves: source.serves,
            enabled: source.enabled,
            secrets: Some(secrets).filter(|_| self.secrets == Secrets::Shown),
        }
    }

    fn webhook<'w>(&self, webhook: &'w Webhook) -> WebhookText<'w> {
        let previous = |(secret, until): &'w (Secret, _)| {
            let until: &crate::model::Timestamp = until;
            Some(PreviousText { secret: self.shown(secret)?, until: until.rfc3339() })
        };
        WebhookText {
            id: webhook.id,
            dialect: webhook.scope.dialect,
            domain: webhook.scope.domain.as_ref(),
            url: webhook.url.as_str(),
            events: &webhook.events,
            state: webhook.state,
            signature: signature(webhook),
            description: webhook.description.as_deref(),
            secret: webhook.secret.as_ref().and_then(|secret| self.shown(secret)),
            previous_secret: webhook.previous_secret.as_ref().and_then(previous),
        }
    }
}

/// The name of the way in which a webhook is signed.
pub(super) fn signature(webhook: &Webhook) -> &'static str {
    let schemes = webhook.scope.dialect.schemes();
    let own = schemes.iter().find(|(_, scheme)| *scheme == webhook.signature());
    own.map_or(schemes[0].0, |(name, _)| name)
}

fn domain(domain: &Domain) -> DomainText<'_> {
    let settings = mailgun_settings(domain).into_iter();
    DomainText {
        name: &domain.name,
        mailgun_id: &domain.mailgun_id,
        settings: settings.map(|(name, value)| (name.as_str(), sorted(value))).collect(),
        receiving_dns_records: records(domain, DnsUse::Receiving),
        sending_dns_records: records(domain, DnsUse::Sending),
    }
}

/// A domain's settings less its DNS records, which stand beside them.
pub(super) fn mailgun_settings(domain: &Domain) -> Vec<(&String, &Value)> {
    let own = |name: &str| DnsUse::ALL.into_iter().any(|of| of.setting() == name);
    domain.settings.iter().filter(|(name, _)| !own(name)).collect()
}

/// The records of a use; null where there are none.
fn records(domain: &Domain, of: DnsUse) -> Value {
    let records = domain.dns_records(of);
    if records.as_array().is_some_and(Vec::is_empty) { Value::Null } else { records }
}

/// A value with the keys of its objects in order, however they were written.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let members: BTreeMap<&String, &Value> = map.iter().collect();
            let members = members.into_iter().map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn key(key: &Key) -> KeyText<'_> {
    KeyText {
        id: key.id,
        dialect: key.dialect,
        domain: key.domain.as_ref(),
        scope: key.scope,
        description: key.description.as_deref(),
        created_at: key.created_at.rfc3339(),
        expires_at: key.expires_at.map(|at| at.rfc3339()),
    }
}
