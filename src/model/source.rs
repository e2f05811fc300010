//! Sources: provider connections that feed a domain, or all domains of an account.

use std::fmt;
use std::str::FromStr;

use waypost_compat::{Provider, Secret};

use super::{
    AccountId, DomainName, InvalidId, SourceId, Timestamp, Webhook, WebhookId, WebhookScope,
};

/// A provider connection: who may post events, the secret that proves it, and which subscriptions
/// those events serve.
#[derive(Debug, Clone)]
pub struct Source {
    /// The id of it, the last part of its ingest URL.
    pub id: SourceId,
    /// The account that has it.
    pub account: AccountId,
    /// The domain it feeds; `None` for all of the account's, each event saying which.
    pub domain: Option<DomainName>,
    /// The provider that posts here.
    pub provider: Provider,
    /// The subscriptions that its events go to.
    pub serves: Serves,
    /// The secrets that its signatures are checked with; a source without one refuses every event.
    /// Several while a secret is being rotated, and for Mailgun subaccounts (`parent-signature`).
    pub secrets: Vec<Secret>,
    /// True while it takes events.
    pub enabled: bool,
    /// The time at which it was made.
    pub created_at: Timestamp,
}

impl Source {
    /// Tells whether an event that came in by this source may go to a webhook.
    #[must_use]
    pub fn feeds(&self, webhook: &Webhook) -> bool {
        let WebhookScope { domain, dialect, .. } = &webhook.scope;
        let own = dialect.provider() == self.provider;
        let of_domain = domain.is_some() && *domain == self.domain;
        match self.serves {
            Serves::All => true,
            Serves::Domain => own && of_domain,
            Serves::Account => own && domain.is_none(),
            // Another domain's webhook is none of its business, even if it came by the id.
            Serves::Webhook(id) => {
                let within = self.domain.is_none() || domain.is_none() || of_domain;
                own && within && webhook.id == id
            }
        }
    }
}

/// The subscriptions that a source's events go to: all of the domain's or, where the source stands
/// for one place at its provider, those that stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Serves {
    /// Every subscription of the event's domain, in every dialect.
    #[default]
    All,
    /// The webhooks in its provider's dialect that are registered for the source's domain.
    Domain,
    /// The webhooks in its provider's dialect that are registered for the whole account.
    Account,
    /// One webhook.
    Webhook(WebhookId),
}

impl Serves {
    /// Tells whether the source stands for one place at its provider, which may have others: an
    /// event that comes by several of them is one event.
    #[must_use]
    pub const fn is_one_place(self) -> bool {
        match self {
            Self::All => false,
            Self::Domain | Self::Account | Self::Webhook(_) => true,
        }
    }
}

impl fmt::Display for Serves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.pad("all"),
            Self::Domain => f.pad("domain"),
            Self::Account => f.pad("account"),
            Self::Webhook(id) => fmt::Display::fmt(id, f),
        }
    }
}

/// A text that says nothing a source could serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `all`, `domain`, `account` or the id of a webhook (`whk_…`), found {0:?}")]
pub struct InvalidServes(String);

impl FromStr for Serves {
    type Err = InvalidServes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            "domain" => Ok(Self::Domain),
            "account" => Ok(Self::Account),
            id => id
                .parse()
                .map(Self::Webhook)
                .map_err(|_: InvalidId| InvalidServes(text.chars().take(64).collect())),
        }
    }
}

impl serde::Serialize for Serves {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Serves {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_serves_reads_back() {
        let one = Serves::Webhook(WebhookId::from_bytes([7; 16]));
        for serves in [Serves::All, Serves::Domain, Serves::Account, one] {
            assert_eq!(serves.to_string().parse(), Ok(serves));
        }
        let refused = "evt_00".parse::<Serves>().unwrap_err().to_string();
        assert!(refused.ends_with("(`whk_…`), found \"evt_00\""), "{refused}");
    }
}
