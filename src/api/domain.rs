//! Domains: what Waypost keeps of one beside what Mailgun's API can set.

use serde::{Deserialize, Serialize};

use super::Time;
use crate::model::DomainName;

/// A domain in the shape of Mailgun's own answer, less Mailgun's settings.
///
/// The server answers the records as it keeps them, which is what a [`DnsRecord`] reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain<Records = Vec<DnsRecord>> {
    /// The domain.
    pub domain: DomainHead,
    /// The records for mail to the domain; empty where none were given.
    pub receiving_dns_records: Records,
    /// The records for mail from the domain; empty where none were given.
    pub sending_dns_records: Records,
}

/// A domain's name and origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainHead {
    /// The domain's name.
    pub name: DomainName,
    /// Mailgun's `id`, 24 hex digits.
    pub id: String,
    /// The time at which it was made.
    pub created_at: Time,
}

/// A DNS record as it was given to the server, which looks none up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// True where it counts as published.
    pub is_active: bool,
    /// The values that were found at the last look-up, not by this server.
    pub cached: Vec<String>,
    /// The record's name; absent in a receiving record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The priority of an MX record, a number as text; absent in a sending record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// The record's type, such as `TXT`.
    pub record_type: String,
    /// The result of the last look-up: `unknown`, `valid` or `invalid`.
    pub valid: String,
    /// The value to be published.
    pub value: String,
}
