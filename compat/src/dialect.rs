//! The five dialects, and the one `match` that leads to each.
//!
//! A dialect is a provider's way of being spoken to: API shape, vocabulary, payload out, signature.
//! Each belongs to a [`Provider`]; most further providers have none.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::provider::{Provider, one_of};
use crate::sign::Scheme;
use crate::speaking::Speaking;
use crate::{mailgun, mailingapi, mailstack, posthawk, wistfare};

/// A provider's way of being spoken to: API shape, vocabulary, payload, signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Mailgun.
    Mailgun,
    /// Posthawk.
    Posthawk,
    /// `MailStack` by `VooStack`.
    MailStack,
    /// Wistfare Mail (Wistmail).
    Wistfare,
    /// `MailingAPI` (Outboxa).
    MailingApi,
}

impl Dialect {
    /// Every dialect, in the order in which the documentation names them.
    pub const ALL: [Self; 5] =
        [Self::Mailgun, Self::Posthawk, Self::MailStack, Self::Wistfare, Self::MailingApi];

    /// Leads from a dialect to what its provider's file says of speaking it.
    pub(crate) const fn speaking(self) -> &'static Speaking {
        match self {
            Self::Mailgun => &mailgun::SPEAKING,
            Self::Posthawk => &posthawk::SPEAKING,
            Self::MailStack => &mailstack::SPEAKING,
            Self::Wistfare => &wistfare::SPEAKING,
            Self::MailingApi => &mailingapi::SPEAKING,
        }
    }

    /// The provider whose dialect it is.
    #[must_use]
    pub const fn provider(self) -> Provider {
        self.speaking().provider
    }

    /// The dialect's name in APIs, logs and on the command line: its provider's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.provider().as_str()
    }

    /// The kinds with a name of their own, in the order in which the provider documents them.
    #[must_use]
    pub const fn kinds(self) -> [Kind; 8] {
        self.speaking().kinds
    }

    /// The eight names that can be subscribed to, in the order in which the provider documents
    /// them.
    #[must_use]
    pub fn names(self) -> [&'static str; 8] {
        self.kinds().map(|kind| self.name(kind).expect("these kinds have a name"))
    }

    /// The dialect's own name for a kind; the inverse of [`kind_of`](Self::kind_of).
    #[must_use]
    pub fn name(self, kind: Kind) -> Option<&'static str> {
        (self.speaking().name)(kind)
    }

    /// The kind that a name which can be subscribed to stands for. Spelling counts; Mailgun's
    /// legacy names go through [`mailgun::canonical`] first.
    #[must_use]
    pub fn kind_of(self, wanted: &str) -> Option<Kind> {
        Kind::named(wanted, self.speaking().name)
    }

    /// Everything that a subscription to `name` brings; empty where there is no such name.
    #[must_use]
    pub fn covered(self, name: &str) -> &'static [Kind] {
        static ALL: [Kind; 12] = Kind::ALL;
        let Some(kind) = self.kind_of(name) else { return &[] };
        match self.speaking().covers.iter().find(|(main, _)| *main == kind) {
            Some((_, covered)) => covered,
            None => {
                let at = ALL.iter().position(|&one| one == kind).expect("ALL has every kind");
                &ALL[at..=at]
            }
        }
    }

    /// The name under which a dialect's receivers are told of a kind: its own, or the one it is
    /// folded into (`spec/providers.md` §2.1, §7 row 16). `None`: they are not told.
    #[must_use]
    pub fn delivered_as(self, kind: Kind) -> Option<&'static str> {
        self.name(self.folded(kind))
    }

    /// The kind whose name also covers this one, or this one.
    pub(crate) fn folded(self, kind: Kind) -> Kind {
        let covers = self.speaking().covers;
        covers.iter().find(|(_, covered)| covered.contains(&kind)).map_or(kind, |(main, _)| *main)
    }

    /// The scheme that webhooks use unless they were told otherwise.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        self.schemes()[0].1
    }

    /// The ways in which webhooks can be signed, by what is signed; the default first. Those of one
    /// dialect share a header, so a webhook has one of them (`spec/providers.md` §3.3, notes 3
    /// and 4).
    #[must_use]
    pub const fn schemes(self) -> &'static [(&'static str, Scheme)] {
        self.speaking().schemes
    }
}

impl Provider {
    /// The dialect in which the provider's own receivers are spoken to, where it has one.
    #[must_use]
    pub fn dialect(self) -> Option<Dialect> {
        Dialect::ALL.into_iter().find(|dialect| dialect.provider() == self)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names none of the five dialects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a dialect ({known}), found {0:?}", known = one_of(&Dialect::ALL.map(Dialect::as_str)))]
pub struct UnknownDialect(pub String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_has_its_providers_name_and_no_other_has() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.provider().dialect(), Some(dialect));
            assert_eq!(serde_json::to_value(dialect).unwrap(), dialect.provider().as_str());
            assert_eq!(dialect.as_str().parse(), Ok(dialect));
        }
        let error = "ses".parse::<Dialect>().unwrap_err();
        let expected = "expected a dialect (`mailgun`, `posthawk`, `mailstack`, `wistfare` or \
                        `mailingapi`), found \"ses\"";
        assert_eq!(error.to_string(), expected);
    }
}
