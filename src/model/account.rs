//! Accounts and the keys that speak for them.

use sha2::Digest;
use waypost_compat::{Dialect, Secret};

use super::{AccountId, DomainName, KeyId, Timestamp};

/// A tenant: owns domains, keys, and the key that signs its Mailgun deliveries.
#[derive(Debug, Clone)]
pub struct Account {
    /// The id; the first 24 hex digits are Mailgun's `account.id`.
    pub id: AccountId,
    /// A name for people.
    pub name: String,
    /// The HTTP webhook signing key (`spec/mailgun-api.md` §1.7).
    pub signing_key: Secret,
    /// The time of its making.
    pub created_at: Timestamp,
}

/// The rights of a key, beyond speaking its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything its dialect's API offers; for the Mailgun dialect, the native API too.
    Manage,
    /// Reading only (Mailgun's roles `support` and the like).
    Read,
    /// Sending mail only, so nothing here (Mailgun's domain sending keys).
    Send,
}

/// An issued API key, less the key itself.
#[derive(Debug, Clone)]
pub struct Key {
    /// The public name.
    pub id: KeyId,
    /// The SHA-256 hash of the key.
    pub hash: KeyHash,
    /// The owner.
    pub account: AccountId,
    /// The API it opens.
    pub dialect: Dialect,
    /// The one domain it is bound to, or all of the account's.
    pub domain: Option<DomainName>,
    /// The rights it has there.
    pub scope: Scope,
    /// A name for people.
    pub description: Option<String>,
    /// Mailgun's `kind` and `role`, as given, where it was made through Mailgun's API.
    pub mailgun_role: Option<(String, String)>,
    /// The time of its making.
    pub created_at: Timestamp,
    /// The time from which it opens nothing; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// The hash of a key, in the place of the key itself. Keys are long random strings, so one round of
/// SHA-256 is enough; looking a key up by its hash tells an attacker nothing about how near a guess
/// came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a key as a client presents it.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(sha2::Sha256::digest(key.as_bytes()).into())
    }

    /// The hash as it is kept in the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash read back from the store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(..)")
    }
}
