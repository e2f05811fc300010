//! Sending domains.

use std::fmt;
use std::str::FromStr;

use super::{AccountId, DnsRecord, DnsUse, Timestamp};

/// A domain's name in lower case: letters, digits, `-`, `_` and dots, at most 253 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct DomainName(String);

impl DomainName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a domain name such as `mg.example.com`, found {0:?}")]
pub struct InvalidDomain(String);

impl FromStr for DomainName {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 253 && text.split('.').all(label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidDomain(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for DomainName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A sending domain that webhooks and sources belong to.
///
/// Mailgun's clients set and read many fields of a domain that mean nothing to a webhook gateway
/// (`spam_action`, `wildcard`, tracking …). They are kept as they were given, in `settings`, so
/// that Terraform finds what it wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// The name; unique over all accounts.
    pub name: DomainName,
    /// The owner.
    pub account: AccountId,
    /// The time of its making.
    pub created_at: Timestamp,
    /// 24 hex digits, Mailgun's `id`.
    pub mailgun_id: String,
    /// Mailgun's settings that differ from their defaults, by their field names. What Waypost keeps
    /// beside them has names that begin with `waypost:`.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl Domain {
    /// The DNS records to report, as [`DnsRecord`]s are written; empty where none were given.
    #[must_use]
    pub fn dns_records(&self, of: DnsUse) -> serde_json::Value {
        let kept = self.settings.get(of.setting()).cloned();
        kept.unwrap_or_else(|| serde_json::Value::Array(Vec::new()))
    }

    /// Has these records reported from now on, instead of those before.
    pub fn set_dns_records(&mut self, of: DnsUse, records: &[DnsRecord]) {
        let records = serde_json::json!(records);
        self.settings.insert(of.setting().to_owned(), records);
    }
}
