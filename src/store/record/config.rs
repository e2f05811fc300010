//! Records of configuration: accounts, keys, domains, sources, webhooks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waypost_compat::signature::Scheme;
use waypost_compat::{Dialect, Kind, Provider, Secret};

use super::{Unreadable, from_json, to_json, versioned};
use crate::model::{
    Account, AccountId, Domain, DomainName, Key, KeyHash, KeyId, Scope, Serves, Source, SourceId,
    Timestamp, Webhook, WebhookId, WebhookScope, WebhookState, WebhookUrl,
};

#[derive(Serialize, Deserialize)]
struct AccountRecord {
    id: AccountId,
    name: String,
    signing_key: String,
    created_at: Timestamp,
}

/// An account, its signing key in the clear.
pub(in crate::store) fn encode_account(account: &Account) -> Vec<u8> {
    to_json(&AccountRecord {
        id: account.id,
        name: account.name.clone(),
        signing_key: account.signing_key.expose().to_owned(),
        created_at: account.created_at,
    })
}

/// Reads what [`encode_account`] wrote.
pub(in crate::store) fn decode_account(bytes: &[u8]) -> Result<Account, Unreadable> {
    let record: AccountRecord = from_json("account", versioned("account", bytes)?)?;
    Ok(Account {
        id: record.id,
        name: record.name,
        signing_key: Secret::new(record.signing_key),
        created_at: record.created_at,
    })
}

#[derive(Serialize, Deserialize)]
struct KeyRecord {
    id: KeyId,
    account: AccountId,
    dialect: Dialect,
    domain: Option<DomainName>,
    scope: Scope,
    description: Option<String>,
    mailgun_role: Option<(String, String)>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

/// A key, less its hash, which names its row.
pub(in crate::store) fn encode_key(key: &Key) -> Vec<u8> {
    to_json(&KeyRecord {
        id: key.id,
        account: key.account,
        dialect: key.dialect,
        domain: key.domain.clone(),
        scope: key.scope,
        description: key.description.clone(),
        mailgun_role: key.mailgun_role.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
    })
}

/// Reads what [`encode_key`] wrote into the row of `hash`.
pub(in crate::store) fn decode_key(hash: KeyHash, bytes: &[u8]) -> Result<Key, Unreadable> {
    let record: KeyRecord = from_json("key", versioned("key", bytes)?)?;
    Ok(Key {
        id: record.id,
        hash,
        account: record.account,
        dialect: record.dialect,
        domain: record.domain,
        scope: record.scope,
        description: record.description,
        mailgun_role: record.mailgun_role,
        created_at: record.created_at,
        expires_at: record.expires_at,
    })
}

#[derive(Serialize, Deserialize)]
struct DomainRecord {
    name: DomainName,
    account: AccountId,
    created_at: Timestamp,
    mailgun_id: String,
    settings: Map<String, Value>,
}

/// A domain.
pub(in crate::store) fn encode_domain(domain: &Domain) -> Vec<u8> {
    to_json(&DomainRecord {
        name: domain.name.clone(),
        account: domain.account,
        created_at: domain.created_at,
        mailgun_id: domain.mailgun_id.clone(),
        settings: domain.settings.clone(),
    })
}

/// Reads what [`encode_domain`] wrote.
pub(in crate::store) fn decode_domain(bytes: &[u8]) -> Result<Domain, Unreadable> {
    let record: DomainRecord = from_json("domain", versioned("domain", bytes)?)?;
    Ok(Domain {
        name: record.name,
        account: record.account,
        created_at: record.created_at,
        mailgun_id: record.mailgun_id,
        settings: record.settings,
    })
}

#[derive(Serialize, Deserialize)]
struct SourceRecord {
    id: SourceId,
    account: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<DomainName>,
    /// Stored under the word it had when dialects were all the providers there were.
    #[serde(rename = "dialect")]
    provider: Provider,
    #[serde(default, skip_serializing_if = "is_all")]
    serves: Serves,
    secrets: Vec<String>,
    enabled: bool,
    created_at: Timestamp,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_all(serves: &Serves) -> bool {
    *serves == Serves::All
}

/// A source, its secrets in the clear.
pub(in crate::store) fn encode_source(source: &Source) -> Vec<u8> {
    to_json(&SourceRecord {
        id: source.id,
        account: source.account,
        domain: source.domain.clone(),
        provider: source.provider,
        serves: source.serves,
        secrets: source.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        enabled: source.enabled,
        created_at: source.created_at,
    })
}

/// Reads what [`encode_source`] wrote.
pub(in crate::store) fn decode_source(bytes: &[u8]) -> Result<Source, Unreadable> {
    let record: SourceRecord = from_json("source", versioned("source", bytes)?)?;
    Ok(Source {
        id: record.id,
        account: record.account,
        domain: record.domain,
        provider: record.provider,
        serves: record.serves,
        secrets: record.secrets.into_iter().map(Secret::new).collect(),
        enabled: record.enabled,
        created_at: record.created_at,
    })
}

#[derive(Serialize, Deserialize)]
struct WebhookRecord {
    id: WebhookId,
    url: WebhookUrl,
    events: Vec<String>,
    kinds: Vec<Kind>,
    state: WebhookState,
    secret: Option<String>,
    previous_secret: Option<(String, Timestamp)>,
    scheme: Option<SchemeName>,
    description: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The webhooks of one scope, in order, their secrets in the clear; the scope names the row.
pub(in crate::store) fn encode_webhooks(webhooks: &[Webhook]) -> Vec<u8> {
    let exposed = |secret: &Secret| secret.expose().to_owned();
    let records = webhooks.iter().map(|webhook| WebhookRecord {
        id: webhook.id,
        url: webhook.url.clone(),
        events: webhook.events.clone(),
        kinds: webhook.kinds.clone(),
        state: webhook.state,
        secret: webhook.secret.as_ref().map(exposed),
        previous_secret: webhook.previous_secret.as_ref().map(|(s, until)| (exposed(s), *until)),
        scheme: webhook.scheme.map(SchemeName::of),
        description: webhook.description.clone(),
        created_at: webhook.created_at,
        updated_at: webhook.updated_at,
    });
    to_json(&records.collect::<Vec<_>>())
}

/// Reads what [`encode_webhooks`] wrote into the row of `scope`.
pub(in crate::store) fn decode_webhooks(
    scope: &WebhookScope,
    bytes: &[u8],
) -> Result<Vec<Webhook>, Unreadable> {
    let records: Vec<WebhookRecord> = from_json("webhooks", versioned("webhooks", bytes)?)?;
    let webhook = |record: WebhookRecord| Webhook {
        id: record.id,
        scope: scope.clone(),
        url: record.url,
        events: record.events,
        kinds: record.kinds,
        state: record.state,
        secret: record.secret.map(Secret::new),
        previous_secret: record.previous_secret.map(|(s, until)| (Secret::new(s), until)),
        scheme: record.scheme.map(SchemeName::scheme),
        description: record.description,
        created_at: record.created_at,
        updated_at: record.updated_at,
    };
    Ok(records.into_iter().map(webhook).collect())
}

/// A signature scheme by a name that outlives the program's own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SchemeName {
    Mailgun,
    Posthawk,
    PosthawkTimestamped,
    MailStack,
    MailStackRaw,
    Wistfare,
    MailingApi,
}

impl SchemeName {
    const fn of(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Mailgun => Self::Mailgun,
            Scheme::Posthawk => Self::Posthawk,
            Scheme::PosthawkTimestamped => Self::PosthawkTimestamped,
            Scheme::MailStack => Self::MailStack,
            Scheme::MailStackRaw => Self::MailStackRaw,
            Scheme::Wistfare => Self::Wistfare,
            Scheme::MailingApi => Self::MailingApi,
        }
    }

    const fn scheme(self) -> Scheme {
        match self {
            Self::Mailgun => Scheme::Mailgun,
            Self::Posthawk => Scheme::Posthawk,
            Self::PosthawkTimestamped => Scheme::PosthawkTimestamped,
            Self::MailStack => Scheme::MailStack,
            Self::MailStackRaw => Scheme::MailStackRaw,
            Self::Wistfare => Scheme::Wistfare,
            Self::MailingApi => Scheme::MailingApi,
        }
    }
}
