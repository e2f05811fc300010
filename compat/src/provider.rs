//! All the providers whose events can be read, one row each.
//!
//! The row names a provider; its own file says how it is read, and one `match`
//! (`Provider::reading`) leads from the one to the other. Some can be spoken to as well: those
//! are the [dialects](crate::dialect).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares the providers: from one row each, a variant, its name and its place in `ALL`.
macro_rules! providers {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// A sender of events: names, payloads, proof.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Provider {
            $($(#[$doc])+ $variant,)+
        }

        const NAMES: &[&str] = &[$($name),+];

        impl Provider {
            /// Every provider, in the order in which the documentation names them.
            pub const ALL: [Self; NAMES.len()] = [$(Self::$variant),+];
        }
    };
}

providers! {
    /// Mailgun.
    Mailgun = "mailgun",
    /// Posthawk.
    Posthawk = "posthawk",
    /// `MailStack` by `VooStack`.
    MailStack = "mailstack",
    /// Wistfare Mail (Wistmail).
    Wistfare = "wistfare",
    /// `MailingAPI` (Outboxa).
    MailingApi = "mailingapi",
}

impl Provider {
    /// The provider's name in APIs, logs and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        NAMES[self as usize]
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a provider ({known}), found {0:?}", known = one_of(NAMES))]
pub struct UnknownProvider(pub String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

/// Names as an error lists them: `` `a`, `b` or `c` ``.
pub(crate) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_people_list_them() {
        for (names, listed) in [
            (&[][..], ""),
            (&["a"], "`a`"),
            (&["a", "b"], "`a` or `b`"),
            (&["a", "b", "c"], "`a`, `b` or `c`"),
        ] {
            assert_eq!(one_of(names), listed);
        }
    }

    #[test]
    fn a_provider_has_one_name_everywhere() {
        for provider in Provider::ALL {
            assert_eq!(provider.as_str().parse(), Ok(provider));
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.as_str());
        }
        let error = "nobody".parse::<Provider>().unwrap_err().to_string();
        assert!(error.starts_with("expected a provider (`mailgun`, `posthawk`, "), "{error}");
        assert!(error.ends_with("`), found \"nobody\""), "{error}");
    }
}
