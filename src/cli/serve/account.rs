//! The first account, and the operator's key.

use std::fmt;

use waypost_compat::{Dialect, Secret};

use super::super::Misuse;
use crate::clock::Clock;
use crate::model::{Account, AccountId, Key, KeyHash, KeyId, Scope};
use crate::store::{Added, Directory};

/// News about keys at this start, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// An API key that was generated, since none was given: this is the only time that it is shown.
    Generated(String),
    /// An API key was given that the store, which has others, did not know.
    Joined,
    /// A signing key was given that is not the account's own since its first start.
    OtherSigningKey,
}

/// The keys that an operator gave.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) api_key: Option<&'a str>,
    pub(super) signing_key: Option<&'a str>,
}

/// Checks that keys can travel: one as the password of `Authorization: Basic`, the other into the
/// configuration of receivers. They are not repeated in the error.
pub(super) fn check(given: Given<'_>) -> Result<(), Misuse> {
    let usable = |key: &str| {
        (8..=256).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    for (name, key) in [
        ("--api-key (WAYPOST_API_KEY)", given.api_key),
        ("--signing-key (WAYPOST_SIGNING_KEY)", given.signing_key),
    ] {
        if !key.is_none_or(usable) {
            return Err(Misuse(format!("{name}: expected 8 to 256 printable ASCII characters")));
        }
    }
    Ok(())
}

/// Ensures that there is an account and that the API key given, if any, opens it.
///
/// The signing key stays as it is, since receivers hold it too; Mailgun's API replaces it.
pub(super) async fn ensure(
    store: &dyn Directory,
    clock: &Clock,
    given: Given<'_>,
) -> anyhow::Result<Vec<News>> {
    match store.accounts().await?.first() {
        Some(first) => join(store, clock, first, given).await,
        None => create(store, clock, given).await,
    }
}

async fn join(
    store: &dyn Directory,
    clock: &Clock,
    account: &Account,
    given: Given<'_>,
) -> anyhow::Result<Vec<News>> {
    let mut news = Vec::new();
    // Whoever can set the server's environment can read its data as well, so an unknown key is
    // added rather than refused: an operator who lost theirs gets in again.
    if let Some(key) = given.api_key
        && store.key_by_hash(&KeyHash::of(key)).await?.is_none()
        && store.add_key(operators(key, account.id, clock)).await? == Added::Added
    {
        news.push(News::Joined);
    }
    if given.signing_key.is_some_and(|key| key != account.signing_key.expose()) {
        news.push(News::OtherSigningKey);
    }
    Ok(news)
}

async fn create(
    store: &dyn Directory,
    clock: &Clock,
    given: Given<'_>,
) -> anyhow::Result<Vec<News>> {
    let fresh = || format!("key-{}", clock.random_hex::<16>());
    let api_key = given.api_key.map_or_else(fresh, str::to_owned);
    let now = clock.now();
    let account = Account {
        id: AccountId::timed(now, clock.random()),
        name: "default".to_owned(),
        signing_key: Secret::new(given.signing_key.map_or_else(fresh, str::to_owned)),
        created_at: now,
    };
    let key = operators(&api_key, account.id, clock);
    store.create_account(account, Some(key)).await?;
    Ok(if given.api_key.is_none() { vec![News::Generated(api_key)] } else { Vec::new() })
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generated(key) => write!(f, "API key, generated and shown this once: {key}"),
            Self::Joined => f.write_str(
                "WAYPOST_API_KEY was new to this store and was added; the keys from before still \
                 open it: see `waypost key list` and `waypost key remove`",
            ),
            Self::OtherSigningKey => f.write_str(
                "WAYPOST_SIGNING_KEY is read at the first start only; the signing key stays as it \
                 was: see `GET /v5/accounts/http_signing_key`",
            ),
        }
    }
}

/// The operator's key, which may do everything.
fn operators(key: &str, account: AccountId, clock: &Clock) -> Key {
    Key {
        id: KeyId::timed(clock.now(), clock.random()),
        hash: KeyHash::of(key),
        account,
        dialect: Dialect::Mailgun,
        domain: None,
        scope: Scope::Manage,
        description: Some("operator's key".to_owned()),
        mailgun_role: None,
        created_at: clock.now(),
        expires_at: None,
    }
}
