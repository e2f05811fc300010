//! Webhooks: who wants to hear of what, where, and in which dialect.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use waypost_compat::signature::Scheme;
use waypost_compat::{Dialect, Kind, Secret};

use super::{AccountId, DomainName, EndpointId, Timestamp, WebhookId};
use crate::behaviour::{Behaviour, EndpointOf};

/// The place of a webhook's registration: one dialect's API, for one domain or for all of an
/// account's. Webhooks of one scope are read and changed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebhookScope {
    /// The account.
    pub account: AccountId,
    /// The domain; `None` for all of the account's.
    pub domain: Option<DomainName>,
    /// The dialect whose API registers here and whose form is delivered.
    pub dialect: Dialect,
}

/// A subscription.
///
/// A Mailgun domain webhook, which the API keys by event name with up to three URLs, is one of
/// these for each URL: `events` is that one name, and the order within the scope is the order of
/// the URLs.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The id.
    pub id: WebhookId,
    /// The place of its registration.
    pub scope: WebhookScope,
    /// The URL that deliveries go to.
    pub url: WebhookUrl,
    /// Event names as the client wrote them, in its order; `*` stays `*`.
    pub events: Vec<String>,
    /// The meaning of those names.
    pub kinds: Vec<Kind>,
    /// The state.
    pub state: WebhookState,
    /// The secret that signs its deliveries; Mailgun's are signed with the account's key instead.
    pub secret: Option<Secret>,
    /// The secret before a rotation, and until when it still signs beside the new one.
    pub previous_secret: Option<(Secret, Timestamp)>,
    /// The way it is signed, where not the dialect's default.
    pub scheme: Option<Scheme>,
    /// A label for people.
    pub description: Option<String>,
    /// The time of its making.
    pub created_at: Timestamp,
    /// The time of its last change.
    pub updated_at: Timestamp,
}

impl Webhook {
    /// The endpoint that it leads to. Where the URL is the receiver, webhooks on one URL of one scope
    /// share one whatever their event names; others have one each.
    #[must_use]
    pub fn endpoint(&self) -> EndpointId {
        match Behaviour::of(self.scope.dialect).endpoint {
            EndpointOf::Url => EndpointId::of_url(&self.scope, &self.url),
            EndpointOf::Webhook => EndpointId::of_webhook(self.id),
        }
    }

    /// The event name that means every event, where a dialect has one.
    pub const EVERY_EVENT: &str = "*";

    /// The way it is signed: its own, or else its dialect's.
    #[must_use]
    pub fn signature(&self) -> Scheme {
        self.scheme.unwrap_or_else(|| self.scope.dialect.scheme())
    }

    /// The secrets that sign an attempt made now: its own and, until a rotation's overlap ends, the
    /// one before it. None for Mailgun's, which the account's key signs.
    #[must_use]
    pub fn secrets(&self, now: Timestamp) -> Vec<Secret> {
        let overlap = self.previous_secret.iter().filter(|(_, end)| *end > now);
        self.secret.iter().chain(overlap.map(|(secret, _)| secret)).cloned().collect()
    }

    /// Tells whether events of `kind` go to it while it is active. `*` means whatever its dialect has a name for, names that were added since it
    /// was written included.
    #[must_use]
    pub fn subscribes(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
            || (self.events == [Self::EVERY_EVENT]
                && self.scope.dialect.delivered_as(kind).is_some())
    }
}

/// The state of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// Receiving.
    Active,
    /// Paused by its owner: deliveries already queued wait, no new ones are made.
    Paused,
    /// Switched off for good, by a 410 or after failing for too long.
    Disabled,
}

/// Counts of the attempts made for one webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct WebhookStats {
    /// Attempts that the receiver took.
    pub successful: u64,
    /// Attempts that it did not take.
    pub failed: u64,
    /// The time of the last that was taken.
    pub last_success: Option<Timestamp>,
    /// The time of the last that was not.
    pub last_failure: Option<Timestamp>,
    /// Failed attempts since the last success.
    pub consecutive_failures: u32,
    /// The time of the first of those.
    pub failing_since: Option<Timestamp>,
}

/// From so many failed attempts in a row a webhook counts as failing.
const FAILING_FROM: u32 = 5;

impl WebhookStats {
    /// Counts one attempt more.
    #[must_use]
    pub const fn and(mut self, at: Timestamp, success: bool) -> Self {
        if success {
            self.successful += 1;
            self.last_success = Some(at);
            self.consecutive_failures = 0;
            self.failing_since = None;
        } else {
            self.failed += 1;
            self.last_failure = Some(at);
            self.consecutive_failures = self.consecutive_failures.saturating_add(1);
            if self.failing_since.is_none() {
                self.failing_since = Some(at);
            }
        }
        self
    }

    /// Tells whether the last attempts in a row all failed.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.consecutive_failures >= FAILING_FROM
    }

    /// For how long the webhook has been failing at `now`, if it is. Its owner may have put it
    /// right since: from the last change on it gets its full time again.
    #[must_use]
    pub fn failing_for(&self, changed_at: Timestamp, now: Timestamp) -> Option<Duration> {
        let since = self.failing_since.filter(|_| self.is_failing())?;
        Some(now.since(since.max(changed_at)))
    }
}

/// A URL exactly as the client wrote it. It is echoed, compared and called in that spelling
/// (`spec/mailgun-api.md` §1.3): no normalisation, userinfo kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct WebhookUrl(String);

/// The longest webhook URL taken, in bytes.
const URL_BYTES_MAX: usize = 2048;

impl WebhookUrl {
    /// The URL as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL taken apart.
    #[must_use]
    pub fn parsed(&self) -> url::Url {
        url::Url::parse(&self.0).expect("it was parsed when it was made")
    }

    /// Tells whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
    }
}

/// A reason for which a text is no webhook URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// Unparsable, or without a host.
    #[error("invalid URL")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("invalid URL scheme")]
    Scheme,
    /// Longer than 2,048 bytes.
    #[error("longer than 2048 bytes")]
    TooLong,
}

impl FromStr for WebhookUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > URL_BYTES_MAX {
            return Err(InvalidUrl::TooLong);
        }
        let unprintable = |c: char| c.is_control() || c.is_whitespace();
        if text.contains(unprintable) {
            return Err(InvalidUrl::Malformed);
        }
        let url = url::Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => InvalidUrl::Scheme,
            _ => InvalidUrl::Malformed,
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidUrl::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidUrl::Malformed);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> serde::Deserialize<'de> for WebhookUrl {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_means_names_that_came_later_too() {
        let webhook = |name: &str| Webhook {
            id: WebhookId::from_bytes([0; 16]),
            scope: WebhookScope {
                account: AccountId::from_bytes([0; 16]),
                domain: None,
                dialect: Dialect::MailStack,
            },
            url: "https://a.example/".parse().unwrap(),
            events: vec![name.to_owned()],
            // As an older version understood it.
            kinds: vec![Kind::Delivered],
            state: WebhookState::Active,
            secret: None,
            previous_secret: None,
            scheme: None,
            description: None,
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        };
        assert!(webhook(Webhook::EVERY_EVENT).subscribes(Kind::Clicked));
        assert!(!webhook("Delivered").subscribes(Kind::Clicked));
        // What the dialect has no name for is not among everything.
        assert!(!webhook(Webhook::EVERY_EVENT).subscribes(Kind::Unsubscribed));
    }
}
