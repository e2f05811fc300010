//! API keys.

use serde::{Deserialize, Serialize};
use waypost_compat::Dialect;

use super::{Time, Word};
use crate::model::{DomainName, KeyId, Scope};

/// A key as it is listed: everything but the key itself, of which only a hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The key's public id.
    pub id: KeyId,
    /// The dialect whose API it opens; Mailgun's opens the native API too.
    pub dialect: Word<Dialect>,
    /// The one domain that it is bound to; null for all of the account's.
    pub domain: Option<DomainName>,
    /// The calls that it may make.
    pub scope: Word<Scope>,
    /// A label for people; null without one.
    pub description: Option<String>,
    /// The time at which it was made.
    pub created_at: Time,
    /// The time from which it opens nothing; null where it does not expire.
    pub expires_at: Option<Time>,
    /// The value of `X-MailStack-Org` to send beside it; absent in other dialects than `MailStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

/// A key in the answer that makes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// Everything that is listed of it.
    #[serde(flatten)]
    pub listed: Key,
    /// The key itself, shown this once.
    pub key: String,
}

impl std::fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedKey").field("listed", &self.listed).finish_non_exhaustive()
    }
}

/// The request for a new key.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CreateKey<'a> {
    /// The dialect whose API it shall open.
    pub dialect: Dialect,
    /// The one domain to bind it to; absent for all of the account's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<&'a str>,
    /// `manage`, `read` or `send`; absent for `manage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'a str>,
    /// A label for people, at most 500 characters; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
}
