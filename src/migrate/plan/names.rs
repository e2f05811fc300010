//! The mapping of one event name in a plan.

use waypost_compat::matrix::{self, Fit, Mode};
use waypost_compat::{Dialect, mailgun};

use super::{Class, Line};

/// The event name that means every event, where a dialect has one.
pub(super) const EVERY_EVENT: &str = "*";

/// The reason for which nothing stands for some of Mailgun's names.
pub(super) const RETIRED: &str = "Mailgun has retired this name, and none of today's stands for it";

/// Maps one name. Mailgun's names from before 2018 stand for today's.
pub(super) fn line(from: Dialect, name: &str, to: Dialect, mode: Mode) -> Line {
    let is_mailgun = from == Dialect::Mailgun;
    let known = mailgun::canonical(name).filter(|_| is_mailgun).unwrap_or(name);
    if is_mailgun && is_retired(name) {
        return impossible(name, RETIRED.to_owned());
    }
    if from == to {
        let to = vec![known.to_owned()];
        return Line { from: name.to_owned(), to, class: Class::Exact, reason: None };
    }
    let Some(cell) = matrix::map(from, known, to, mode) else {
        return impossible(name, format!("{from} is not known to have an event of this name"));
    };
    let (class, reason) = match &cell.fit {
        Fit::Exact => (Class::Exact, None),
        Fit::Approximate { here, there } => {
            (Class::Approximate, Some(format!("fires {there}, not {here}")))
        }
        Fit::Widened(more) => (Class::Widened, Some(more.to_string())),
        Fit::Narrowed { .. } | Fit::WidenedAndNarrowed { .. } => {
            (Class::Narrowed, cell.fit.reason())
        }
        Fit::Impossible { why } => (Class::Impossible, Some((*why).to_owned())),
    };
    let to = cell.names.iter().map(|&name| name.to_owned()).collect();
    Line { from: name.to_owned(), to, class, reason }
}

/// A name that nothing stands for.
pub(super) fn impossible(name: &str, reason: String) -> Line {
    Line { from: name.to_owned(), to: Vec::new(), class: Class::Impossible, reason: Some(reason) }
}

/// A name that stays what it is, as within one dialect.
pub(super) fn unchanged(name: &str) -> Line {
    let same = name.to_owned();
    Line { from: same.clone(), to: vec![same], class: Class::Exact, reason: None }
}

/// Tells whether a name is one of those that a provider's webhooks have today.
pub(super) fn is_current(dialect: Dialect, name: &str) -> bool {
    dialect.names().contains(&name)
}

/// The reason for which a webhook of this name cannot be led through a gateway; `None` where it
/// can.
pub(super) fn why_unled(dialect: Dialect, name: &str) -> Option<String> {
    if is_current(dialect, name) {
        return None;
    }
    Some(match dialect {
        Dialect::Mailgun if is_retired(name) => RETIRED.to_owned(),
        Dialect::Mailgun if mailgun::canonical(name).is_some() => {
            "a name from before 2018, whose payload has the old form, which a gateway does not \
             speak; it stays as it is"
                .to_owned()
        }
        _ => format!("this version does not know the name {name} of {dialect}; it stays as it is"),
    })
}

/// Tells whether a name of Mailgun's is from before 2018 and has no successor.
pub(super) fn is_retired(name: &str) -> bool {
    mailgun::READABLE.contains(&name) && mailgun::canonical(name).is_none()
}
