//! Accounts: the caller's own, and those of the server.

use serde::{Deserialize, Serialize};

use super::{IssuedKey, Time};
use crate::model::AccountId;

/// An account as the server's operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// A name for people.
    pub name: String,
    /// The time at which it was made.
    pub created_at: Time,
}

/// The account that a key is of, as its owner sees it.
///
/// The signing key is read, as Mailgun's is, by `GET /v5/accounts/http_signing_key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAccount {
    /// The account's id.
    pub id: AccountId,
    /// A name for people.
    pub name: String,
    /// The base URL at which providers and clients reach the server, without a slash at the end.
    pub public_url: String,
    /// The time at which it was made.
    pub created_at: Time,
}

/// A new account and the first key to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedAccount {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The key that opens it.
    pub key: IssuedKey,
}

/// The request for a new account.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CreateAccount<'a> {
    /// A name for people.
    pub name: &'a str,
}

/// A change of the caller's own account.
#[derive(Clone, Copy, Serialize)]
pub struct UpdateAccount<'a> {
    /// The key that signs Mailgun deliveries from now on, 1 to 512 bytes of printable ASCII.
    pub signing_key: &'a str,
}
