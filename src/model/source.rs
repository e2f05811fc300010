//! Sources: provider connections that feed a domain.

use waypost_compat::{Dialect, Secret};

use super::{AccountId, DomainName, SourceId, Timestamp};

/// A provider connection: who may post events for a domain, and the secret that proves it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its id, the last part of its ingest URL.
    pub id: SourceId,
    /// Whose it is.
    pub account: AccountId,
    /// The domain it feeds.
    pub domain: DomainName,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// What its signatures are checked with; a source without one refuses every event. Several
    /// while a secret is being rotated, and for Mailgun subaccounts (`parent-signature`).
    pub secrets: Vec<Secret>,
    /// Whether it takes events.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
