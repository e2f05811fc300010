//! What happened to a message, free of any dialect, and the one table of what each dialect calls it.
//!
//! `Kind::row` is the table (`spec/providers.md` §2.1, `spec/mailgun-events.md` §1.2); every
//! lookup here is a projection of it. In each dialect exactly eight kinds have a name of their
//! own, and exactly eight names can be subscribed to. Two names also cover a kind that has none:
//!
//! | name | is the name of | covers besides |
//! |---|---|---|
//! | Mailgun `permanent_fail` | [`Kind::Bounced`] | [`Kind::Failed`], with `reason: generic` |
//! | Wistfare `email.failed` | [`Kind::Failed`] | [`Kind::Rejected`], with `failureType: rejected` |
//!
//! ```
//! use waypost_compat::{Dialect, Kind, kind};
//!
//! assert_eq!(kind::name(Dialect::MailStack, Kind::Deferred), Some("DeliveryDelay"));
//! assert_eq!(kind::from_name(Dialect::Posthawk, "complaint"), Some(Kind::Complained));
//! assert_eq!(kind::name(Dialect::Mailgun, Kind::Failed), None);
//! assert_eq!(kind::delivered_as(Dialect::Mailgun, Kind::Failed), Some("permanent_fail"));
//! assert_eq!(
//!     kind::covered(Dialect::Mailgun, "permanent_fail"),
//!     [Kind::Bounced, Kind::Failed],
//! );
//! ```

pub mod matrix;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::matrix::Mode;
use crate::dialect::Dialect;

/// What happened to a message.
///
/// The finality rule (`spec/providers.md` §2.2) separates [`Deferred`](Kind::Deferred) from
/// [`Bounced`](Kind::Bounced): the sender will try again, or it will not. How hard a bounce was is
/// an attribute ([`Class`](crate::event::Class)), not a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The provider took the message and will try to deliver it.
    Accepted,
    /// The recipient's server took the message.
    Delivered,
    /// Delivery failed for now; the sender will try again.
    Deferred,
    /// Delivery failed and the sender has given up, or the address is on a suppression list.
    Bounced,
    /// The provider refused the message before any attempt.
    Rejected,
    /// The provider itself failed: rendering, an engine that was down.
    Failed,
    /// The recipient opened the message.
    Opened,
    /// The recipient followed a link in the message.
    Clicked,
    /// The recipient unsubscribed.
    Unsubscribed,
    /// The recipient reported the message as spam.
    Complained,
    /// A message came in.
    Received,
    /// An incoming message was stored.
    Stored,
}

/// What Mailgun calls a kind, in its three places.
#[derive(Debug, Clone, Copy)]
struct MailgunName {
    /// The name that webhooks are registered under. Without one, the Events API alone has it.
    webhook: Option<&'static str>,
    /// `event-data.event`.
    event: &'static str,
    /// `event-data.severity`, which tells the two failures apart.
    severity: Option<&'static str>,
    /// `event-data.log-level`.
    log_level: &'static str,
    /// Names from before 2018: readable, not writable.
    legacy: &'static [&'static str],
}

/// One kind's names.
#[derive(Debug, Clone, Copy)]
struct Row {
    mailgun: Option<MailgunName>,
    posthawk: Option<&'static str>,
    /// The name and its number in the API's enumeration.
    mailstack: Option<(&'static str, u8)>,
    wistfare: Option<&'static str>,
    mailingapi: Option<&'static str>,
}

type Name = Option<&'static str>;
type Legacy = &'static [&'static str];

/// A webhook whose payload bears its name.
const fn hook(name: &'static str, log_level: &'static str, legacy: Legacy) -> Option<MailgunName> {
    Some(MailgunName { webhook: Some(name), event: name, severity: None, log_level, legacy })
}

/// A webhook for one severity of `failed`.
const fn fail(
    webhook: &'static str,
    severity: &'static str,
    log_level: &'static str,
    legacy: Legacy,
) -> Option<MailgunName> {
    let (webhook, severity) = (Some(webhook), Some(severity));
    Some(MailgunName { webhook, event: "failed", severity, log_level, legacy })
}

/// An event that no webhook brings.
const fn api(event: &'static str, log_level: &'static str) -> Option<MailgunName> {
    Some(MailgunName { webhook: None, event, severity: None, log_level, legacy: &[] })
}

const fn row(
    mailgun: Option<MailgunName>,
    posthawk: Name,
    mailstack: Option<(&'static str, u8)>,
    wistfare: Name,
    mailingapi: Name,
) -> Row {
    Row { mailgun, posthawk, mailstack, wistfare, mailingapi }
}

impl Kind {
    /// Every kind, in the order of a message's life.
    pub const ALL: [Self; 12] = [
        Self::Accepted,
        Self::Delivered,
        Self::Deferred,
        Self::Bounced,
        Self::Rejected,
        Self::Failed,
        Self::Opened,
        Self::Clicked,
        Self::Unsubscribed,
        Self::Complained,
        Self::Received,
        Self::Stored,
    ];

    /// The kind's name in our own APIs, logs and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Received => "received",
            Self::Stored => "stored",
        }
    }

    /// The table of names. A new kind does not compile until it has its row.
    #[rustfmt::skip]
    const fn row(self) -> Row {
        match self {
            //                         Mailgun                                                       Posthawk                MailStack                  Wistfare                 MailingAPI
            Self::Accepted     => row(hook("accepted", "info", &[]),                                Some("send"),           Some(("Sent", 0)),          Some("email.sent"),       None),
            Self::Delivered    => row(hook("delivered", "info", &["deliver"]),                      Some("delivery"),       Some(("Delivered", 1)),     Some("email.delivered"),  Some("delivered")),
            Self::Deferred     => row(fail("temporary_fail", "temporary", "warn", &[]),             Some("delivery_delay"), Some(("DeliveryDelay", 7)), None,                     Some("deferred")),
            Self::Bounced      => row(fail("permanent_fail", "permanent", "error", &["bounce", "drop"]), Some("bounce"),    Some(("Bounce", 2)),        Some("email.bounced"),    Some("bounced")),
            Self::Rejected     => row(api("rejected", "warn"),                                      Some("reject"),         Some(("Reject", 6)),        None,                     None),
            Self::Failed       => row(None,                                                         None,                   None,                       Some("email.failed"),     None),
            Self::Opened       => row(hook("opened", "info", &["open"]),                            Some("open"),           Some(("Open", 4)),          Some("email.opened"),     Some("opened")),
            Self::Clicked      => row(hook("clicked", "info", &["click"]),                          Some("click"),          Some(("Click", 5)),         Some("email.clicked"),    Some("clicked")),
            Self::Unsubscribed => row(hook("unsubscribed", "info", &["unsubscribe"]),               None,                   None,                       None,                     Some("unsubscribed")),
            Self::Complained   => row(hook("complained", "warn", &["spam"]),                        Some("complaint"),      Some(("Complaint", 3)),     Some("email.complained"), Some("complained")),
            Self::Received     => row(None,                                                         None,                   None,                       Some("email.received"),   Some("inbound")),
            Self::Stored       => row(api("stored", "info"),                                        None,                   None,                       None,                     None),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a kind of event such as `delivered` or `bounced`, found {0:?}")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// The sixteen names that Mailgun's API reads, in the order of its documentation (seed; eight of
/// them, [`names`], can also be written).
pub const MAILGUN_READABLE: [&str; 16] = [
    "accepted",
    "clicked",
    "click",
    "opened",
    "open",
    "unsubscribed",
    "unsubscribe",
    "bounce",
    "deliver",
    "delivered",
    "drop",
    "spam",
    "state_change",
    "permanent_fail",
    "temporary_fail",
    "complained",
];

/// The kinds with a name of their own in a dialect, in the order in which it documents them.
#[must_use]
pub const fn kinds(dialect: Dialect) -> [Kind; 8] {
    use Kind::{
        Accepted, Bounced, Clicked, Complained, Deferred, Delivered, Failed, Opened, Received,
        Rejected, Unsubscribed,
    };
    match dialect {
        Dialect::Mailgun => {
            [Accepted, Delivered, Opened, Clicked, Unsubscribed, Complained, Deferred, Bounced]
        }
        Dialect::Posthawk => {
            [Accepted, Delivered, Bounced, Complained, Rejected, Deferred, Opened, Clicked]
        }
        Dialect::MailStack => {
            [Accepted, Delivered, Bounced, Complained, Opened, Clicked, Rejected, Deferred]
        }
        Dialect::Wistfare => {
            [Accepted, Delivered, Bounced, Opened, Clicked, Complained, Failed, Received]
        }
        Dialect::MailingApi => {
            [Delivered, Bounced, Deferred, Opened, Clicked, Unsubscribed, Complained, Received]
        }
    }
}

/// The eight names that can be subscribed to in a dialect, in the order in which it documents them.
#[must_use]
pub fn names(dialect: Dialect) -> [&'static str; 8] {
    kinds(dialect).map(|kind| name(dialect, kind).expect("`kinds` lists kinds that have a name"))
}

/// A dialect's own name for a kind; the inverse of [`from_name`].
#[must_use]
pub fn name(dialect: Dialect, kind: Kind) -> Option<&'static str> {
    let row = kind.row();
    match dialect {
        Dialect::Mailgun => row.mailgun.and_then(|name| name.webhook),
        Dialect::Posthawk => row.posthawk,
        Dialect::MailStack => row.mailstack.map(|(name, _)| name),
        Dialect::Wistfare => row.wistfare,
        Dialect::MailingApi => row.mailingapi,
    }
}

/// The kind that a name which can be subscribed to stands for. Spelling counts; Mailgun's legacy
/// names go through [`canonical_mailgun`] first.
#[must_use]
pub fn from_name(dialect: Dialect, wanted: &str) -> Option<Kind> {
    kinds(dialect).into_iter().find(|&kind| name(dialect, kind) == Some(wanted))
}

/// Mailgun's present name for one of the sixteen it reads: `bounce` and `drop` are
/// `permanent_fail`, `spam` is `complained`. `state_change` has none, nor has any other word.
#[must_use]
pub fn canonical_mailgun(written: &str) -> Option<&'static str> {
    kinds(Dialect::Mailgun).into_iter().filter_map(|kind| kind.row().mailgun).find_map(|name| {
        let known = name.webhook == Some(written) || name.legacy.contains(&written);
        name.webhook.filter(|_| known)
    })
}

/// Everything that a subscription to `name` brings; empty where there is no such name.
#[must_use]
pub fn covered(dialect: Dialect, name: &str) -> &'static [Kind] {
    static ALL: [Kind; 12] = Kind::ALL;
    static PERMANENT_FAIL: [Kind; 2] = [Kind::Bounced, Kind::Failed];
    static EMAIL_FAILED: [Kind; 2] = [Kind::Rejected, Kind::Failed];
    let Some(kind) = from_name(dialect, name) else { return &[] };
    match (dialect, kind) {
        (Dialect::Mailgun, Kind::Bounced) => &PERMANENT_FAIL,
        (Dialect::Wistfare, Kind::Failed) => &EMAIL_FAILED,
        (_, kind) => {
            let at = ALL.iter().position(|&one| one == kind).expect("ALL has every kind");
            &ALL[at..=at]
        }
    }
}

/// The name under which a dialect's receivers are told of a kind: its own, or the one it is folded
/// into (`spec/providers.md` §2.1, §7 row 16). `None`: they are not told.
#[must_use]
pub fn delivered_as(dialect: Dialect, kind: Kind) -> Option<&'static str> {
    let folded = match (dialect, kind) {
        (Dialect::Mailgun, Kind::Failed) => Kind::Bounced,
        (Dialect::Wistfare, Kind::Rejected) => Kind::Failed,
        (_, kind) => kind,
    };
    name(dialect, folded)
}

/// The kind of an event that a payload calls `event`.
///
/// `tell` is the field that tells apart what shares a name: Mailgun's `severity`, Wistfare's
/// `failureType` (our own). Besides the names that can be subscribed to, what the providers are
/// known to put into payloads is understood: Mailgun's Events API names, SES's `eventType` words
/// for Posthawk, the numbers of `MailStack`'s enumeration.
#[must_use]
pub fn from_event(dialect: Dialect, event: &str, tell: Option<&str>) -> Option<Kind> {
    match dialect {
        Dialect::Mailgun => Kind::ALL.into_iter().find(|kind| {
            kind.row().mailgun.is_some_and(|name| {
                name.event == event && (name.severity.is_none() || name.severity == tell)
            })
        }),
        Dialect::Posthawk => from_name(dialect, event).or_else(|| from_ses(event)),
        Dialect::MailStack => from_name(dialect, event).or_else(|| from_mailstack_number(event)),
        Dialect::Wistfare => match from_name(dialect, event) {
            Some(Kind::Failed) if tell == Some(Kind::Rejected.as_str()) => Some(Kind::Rejected),
            other => other,
        },
        Dialect::MailingApi => from_name(dialect, event),
    }
}

/// What a dialect's payload calls a kind; in lenient mode the nearest will do.
pub(crate) fn event_name(dialect: Dialect, kind: Kind, mode: Mode) -> Option<&'static str> {
    let name = matrix::target(dialect, kind, mode)?;
    match dialect {
        Dialect::Mailgun => mailgun_event(from_name(dialect, name)?).map(|(event, ..)| event),
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            Some(name)
        }
    }
}

/// What Mailgun's `event-data` calls a kind: `event`, `severity`, `log-level`.
#[must_use]
pub fn mailgun_event(kind: Kind) -> Option<(&'static str, Option<&'static str>, &'static str)> {
    kind.row().mailgun.map(|name| (name.event, name.severity, name.log_level))
}

/// SES's words for Posthawk's names, in the record inside its payload.
pub(crate) const fn ses_event(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Accepted => Some("Send"),
        Kind::Delivered => Some("Delivery"),
        Kind::Deferred => Some("DeliveryDelay"),
        Kind::Bounced => Some("Bounce"),
        Kind::Rejected => Some("Reject"),
        Kind::Failed => Some("Rendering Failure"),
        Kind::Opened => Some("Open"),
        Kind::Clicked => Some("Click"),
        Kind::Complained => Some("Complaint"),
        Kind::Unsubscribed | Kind::Received | Kind::Stored => None,
    }
}

fn from_ses(event: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|&kind| ses_event(kind) == Some(event))
}

fn from_mailstack_number(event: &str) -> Option<Kind> {
    let number: u8 = event.parse().ok()?;
    Kind::ALL.into_iter().find(|kind| kind.row().mailstack.is_some_and(|(_, no)| no == number))
}
