//! The matrix of subscriptions: what stands for a name of one dialect in another, and at what cost
//! (`spec/providers.md` §2.3).
//!
//! It is computed from what the names cover ([`covered`],
//! [`delivered_as`]), so it cannot say otherwise than what is delivered;
//! `fixtures/tables/matrix.md` shows all of it.
//!
//! ```
//! use waypost_compat::Dialect;
//! use waypost_compat::kind::matrix::{Fit, Mode, map};
//!
//! let cell = map(Dialect::Wistfare, "email.failed", Dialect::Posthawk, Mode::Strict).unwrap();
//! assert_eq!(cell.names, ["reject"]);
//! assert_eq!(cell.fit.to_string(), "< (failed is lost)");
//! ```

use std::fmt;

use super::{Kind, covered, delivered_as, from_name, name};
use crate::dialect::Dialect;

/// How far a mapping may bend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Only names that mean the same kind.
    #[default]
    Strict,
    /// Where there is none, the nearest. An explicit choice, since a receiver that stops writing
    /// to addresses that bounce would do so on rejections too.
    Lenient,
}

/// What stands for one name of one dialect in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The names to subscribe to; none where it is impossible.
    pub names: Vec<&'static str>,
    /// How well they fit.
    pub fit: Fit,
}

/// How well a mapped subscription fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// The same events at the same moments.
    Exact,
    /// The same kind, at another moment or another number of times.
    Approximate {
        /// When the source's name fires.
        here: &'static str,
        /// When the target's does.
        there: &'static str,
    },
    /// The target's names bring more.
    Widened(Widening),
    /// The target's names bring less.
    Narrowed {
        /// The kinds that are lost.
        lost: Vec<Kind>,
    },
    /// Both.
    WidenedAndNarrowed {
        /// What they bring besides.
        more: Widening,
        /// The kinds that are lost.
        lost: Vec<Kind>,
    },
    /// Nothing there stands for it.
    Impossible {
        /// Why not.
        why: &'static str,
    },
}

/// What a subscription brings that was not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    /// The kinds that come besides.
    pub added: Vec<Kind>,
    /// The field of the target's payload that tells them apart.
    pub field: &'static str,
}

/// What stands for `name`, one that can be subscribed to in `from`, in `to`. `None` where `from`
/// has no such name.
#[must_use]
pub fn map(from: Dialect, name: &str, to: Dialect, mode: Mode) -> Option<Cell> {
    let primary = from_name(from, name)?;
    let wanted = covered(from, name);
    let mut names = Vec::new();
    for &kind in wanted {
        names.extend(target(to, kind, mode).filter(|name| !names.contains(name)));
    }
    if names.is_empty() {
        let fit = Fit::Impossible { why: why_impossible(primary, to) };
        return Some(Cell { names, fit });
    }
    let brought: Vec<Kind> = names.iter().flat_map(|name| covered(to, name)).copied().collect();
    let lost: Vec<Kind> =
        wanted.iter().copied().filter(|&kind| target(to, kind, mode).is_none()).collect();
    let added: Vec<Kind> = brought.into_iter().filter(|kind| !wanted.contains(kind)).collect();
    let fit = fit(from, primary, to, (added, lost));
    Some(Cell { names, fit })
}

fn fit(from: Dialect, primary: Kind, to: Dialect, (added, lost): (Vec<Kind>, Vec<Kind>)) -> Fit {
    let more = Widening { added, field: telling_field(to) };
    match (more.added.is_empty(), lost.is_empty()) {
        (false, false) => Fit::WidenedAndNarrowed { more, lost },
        (false, true) => Fit::Widened(more),
        (true, false) => Fit::Narrowed { lost },
        (true, true) => match (moment(from, primary), moment(to, primary)) {
            (Some(here), Some(there)) if here != there => Fit::Approximate { here, there },
            _ => Fit::Exact,
        },
    }
}

/// The name under which a dialect brings a kind; in lenient mode a rejection goes as a bounce,
/// which MailingAPI's own words allow ("email rejected", seed).
pub(crate) fn target(to: Dialect, kind: Kind, mode: Mode) -> Option<&'static str> {
    let nearest = match (mode, kind) {
        (Mode::Lenient, Kind::Rejected) => name(to, Kind::Bounced),
        _ => None,
    };
    delivered_as(to, kind).or(nearest)
}

/// When a name fires, for the two kinds on which providers differ.
const fn moment(dialect: Dialect, kind: Kind) -> Option<&'static str> {
    match (kind, dialect) {
        (Kind::Accepted, Dialect::Mailgun) => Some("when the provider takes the message"),
        (Kind::Accepted, Dialect::Posthawk | Dialect::MailStack) => {
            Some("when the message goes to SES")
        }
        (Kind::Accepted, Dialect::Wistfare) => Some("when the recipient's server is reached"),
        (Kind::Deferred, Dialect::Mailgun | Dialect::MailingApi) => Some("on each failed attempt"),
        (Kind::Deferred, Dialect::Posthawk | Dialect::MailStack) => Some("on each notice of delay"),
        _ => None,
    }
}

/// The field that tells apart what shares a name in a dialect.
const fn telling_field(to: Dialect) -> &'static str {
    match to {
        Dialect::Mailgun => "reason",
        Dialect::Posthawk => "event_data.eventType",
        Dialect::MailStack => "data.status",
        Dialect::Wistfare => "data.error, data.failureType",
        Dialect::MailingApi => "data.bounce_type",
    }
}

/// Why a dialect's receivers are not told of a kind, where [`delivered_as`] has no name for it.
#[must_use]
pub const fn why_impossible(kind: Kind, to: Dialect) -> &'static str {
    match (kind, to) {
        (Kind::Stored, Dialect::Mailgun) => "its events API lists them, no webhook brings them",
        (Kind::Deferred, Dialect::Wistfare) => {
            "only email.bounced is near, and it says that delivery failed for good"
        }
        (Kind::Received, Dialect::Mailgun) => "incoming mail goes through Routes, not webhooks",
        (Kind::Rejected, Dialect::Mailgun | Dialect::MailingApi) => {
            "only bounces come near, and receivers act on those"
        }
        (Kind::Failed, Dialect::MailingApi) => "only bounces come near, and receivers act on those",
        (Kind::Unsubscribed, Dialect::Posthawk) => "only newsletters have unsubscriptions there",
        _ => "no such event there",
    }
}

impl Fit {
    /// The class that a report puts the fit in (`spec/providers.md` §5.3, rule 5).
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate { .. } => "approximate",
            Self::Widened(_) => "widened",
            // What is lost weighs more than what comes besides.
            Self::Narrowed { .. } | Self::WidenedAndNarrowed { .. } => "narrowed",
            Self::Impossible { .. } => "impossible",
        }
    }

    /// The reason for the class, in words; none where the fit is exact.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Exact => None,
            Self::Approximate { here, there } => Some(format!("{there}, not {here}")),
            Self::Widened(more) => Some(more.to_string()),
            Self::Narrowed { lost } => Some(format!("{} is lost", list(lost))),
            Self::WidenedAndNarrowed { more, lost } => {
                Some(format!("{more}; {} is lost", list(lost)))
            }
            Self::Impossible { why } => Some((*why).to_owned()),
        }
    }

    const fn sign(&self) -> &'static str {
        match self {
            Self::Exact => "=",
            Self::Approximate { .. } => "≈",
            Self::Widened(_) => ">",
            Self::Narrowed { .. } => "<",
            Self::WidenedAndNarrowed { .. } => "<>",
            Self::Impossible { .. } => "✗",
        }
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())?;
        self.reason().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

impl fmt::Display for Widening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "also brings {}, told apart by {}", list(&self.added), self.field)
    }
}

fn list(kinds: &[Kind]) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" and ")
}
