//! Sources: provider connections.

use serde::{Deserialize, Serialize};
use waypost_compat::Provider;

use super::{Time, Word};
use crate::model::{DomainName, Serves, SourceId};

/// A source as it is answered. Its secrets never are: they are the provider's to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The source's id, the last part of its ingest URL.
    pub id: SourceId,
    /// The domain that it feeds; null for all of the account's, each event saying which.
    pub domain: Option<DomainName>,
    /// The provider.
    pub dialect: Word<Provider>,
    /// The subscriptions that its events go to: `all`, `domain`, `account` or the id of a webhook.
    pub serves: Word<Serves>,
    /// The URL that the provider posts its events to.
    pub ingest_url: String,
    /// False where it is switched off and refuses every event.
    pub enabled: bool,
    /// False where it has no secret and refuses every event.
    pub has_secret: bool,
    /// The number of secrets that verify: several while one is being rotated.
    pub secret_count: usize,
    /// The time at which it was made.
    pub created_at: Time,
}

/// The request for a new source.
#[derive(Clone, Copy, Serialize)]
pub struct CreateSource<'a> {
    /// The provider.
    pub dialect: Provider,
    /// The provider's signing secret; absent for a source that refuses every event until it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
    /// The subscriptions that its events shall go to; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Serves>,
}

/// A change of a source. What is absent stays as it was.
#[derive(Clone, Copy, Default, Serialize)]
pub struct UpdateSource<'a> {
    /// The provider's signing secret from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<&'a str>,
    /// True to let the secrets before the new one verify as well; wants `secret` beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_previous: Option<bool>,
    /// False to switch it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The subscriptions that its events go to from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Serves>,
}
