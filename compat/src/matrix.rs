//! The matrix of subscriptions: what stands for a name of one dialect in another, and at what cost
//! (`spec/providers.md` §2.3).
//!
//! The matrix is computed from what the names cover ([`Dialect::covered`],
//! [`Dialect::delivered_as`]), so it cannot say otherwise than what is delivered;
//! `fixtures/tables/matrix.md` shows all of it.
//!
//! ```
//! use waypost_compat::Dialect;
//! use waypost_compat::matrix::{Fit, Mode, map};
//!
//! let cell = map(Dialect::Wistfare, "email.failed", Dialect::Posthawk, Mode::Strict).unwrap();
//! assert_eq!(cell.names, ["reject"]);
//! assert_eq!(cell.fit.to_string(), "< (failed is lost)");
//! ```

use std::fmt;

use crate::dialect::Dialect;
use crate::kind::Kind;

/// The liberties that a mapping may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Only names that mean the same kind.
    #[default]
    Strict,
    /// The nearest, where there is none. An explicit choice, since a receiver that stops writing
    /// to addresses that bounce would do so on rejections too.
    Lenient,
}

/// The names that stand for one name of one dialect in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The names to subscribe to; none where it is impossible.
    pub names: Vec<&'static str>,
    /// The closeness of their fit.
    pub fit: Fit,
}

/// The closeness of a mapped subscription's fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// The same events at the same moments.
    Exact,
    /// The same kind, at another moment or another number of times.
    Approximate {
        /// The moment at which the source's name fires.
        here: &'static str,
        /// The moment at which the target's does.
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
        /// The kinds that they bring besides.
        more: Widening,
        /// The kinds that are lost.
        lost: Vec<Kind>,
    },
    /// Nothing there stands for it.
    Impossible {
        /// The reason why not.
        why: &'static str,
    },
}

/// The kinds that a subscription brings unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widening {
    /// The kinds that come besides.
    pub added: Vec<Kind>,
    /// The field of the target's payload that tells them apart.
    pub field: &'static str,
}

/// Maps `name`, one that can be subscribed to in `from`, to what stands for it in `to`. `None` where `from`
/// has no such name.
#[must_use]
pub fn map(from: Dialect, name: &str, to: Dialect, mode: Mode) -> Option<Cell> {
    let primary = from.kind_of(name)?;
    let wanted = from.covered(name);
    let mut names = Vec::new();
    for &kind in wanted {
        names.extend(target(to, kind, mode).filter(|name| !names.contains(name)));
    }
    if names.is_empty() {
        let fit = Fit::Impossible { why: why_impossible(primary, to) };
        return Some(Cell { names, fit });
    }
    let brought: Vec<Kind> = names.iter().flat_map(|name| to.covered(name)).copied().collect();
    let lost: Vec<Kind> =
        wanted.iter().copied().filter(|&kind| target(to, kind, mode).is_none()).collect();
    let added: Vec<Kind> = brought.into_iter().filter(|kind| !wanted.contains(kind)).collect();
    let fit = fit(from, primary, to, (added, lost));
    Some(Cell { names, fit })
}

fn fit(from: Dialect, primary: Kind, to: Dialect, (added, lost): (Vec<Kind>, Vec<Kind>)) -> Fit {
    let more = Widening { added, field: to.speaking().fits.telling_field };
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

/// The name under which a dialect brings a kind.
fn target(to: Dialect, kind: Kind, mode: Mode) -> Option<&'static str> {
    to.name(target_kind(to, kind, mode)?)
}

/// The kind as which a dialect brings another, one with a name of its own; in lenient mode a
/// rejection goes as a bounce, which MailingAPI's own words allow ("email rejected", seed).
fn target_kind(to: Dialect, kind: Kind, mode: Mode) -> Option<Kind> {
    let named = |kind: &Kind| to.name(*kind).is_some();
    let nearest = (mode == Mode::Lenient && kind == Kind::Rejected).then_some(Kind::Bounced);
    Some(to.folded(kind)).filter(named).or_else(|| nearest.filter(named))
}

/// The name that a dialect's payload gives to a kind; in lenient mode the nearest will do.
pub(crate) fn event_name(dialect: Dialect, kind: Kind, mode: Mode) -> Option<&'static str> {
    (dialect.speaking().event)(target_kind(dialect, kind, mode)?)
}

/// The moment at which a name fires, for the two kinds on which providers differ.
fn moment(dialect: Dialect, kind: Kind) -> Option<&'static str> {
    said(dialect.speaking().fits.moments, kind)
}

/// The reason for which a dialect's receivers are not told of a kind, where
/// [`Dialect::delivered_as`] has no name for it.
#[must_use]
pub fn why_impossible(kind: Kind, to: Dialect) -> &'static str {
    said(to.speaking().fits.why_not, kind).unwrap_or("no such event there")
}

fn said(table: &[(Kind, &'static str)], kind: Kind) -> Option<&'static str> {
    table.iter().find(|(one, _)| *one == kind).map(|(_, words)| *words)
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
