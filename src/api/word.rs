//! Words of sets that a newer version may extend.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A word of a set that may grow: a dialect, a state, a kind.
///
/// Written and read as the plain word. A reader keeps one that it does not know as it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// A word of the set as this version has it.
    Known(T),
    /// A word that a newer version added.
    Unknown(String),
}

impl<T> From<T> for Word<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(known) if known == other)
    }
}

impl<T: Serialize> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The word as it stands in JSON, whatever it is called in the code.
            Self::Known(known) => known.serialize(f),
            Self::Unknown(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use waypost_compat::Dialect;

    use super::*;
    use crate::model::DeliveryState;

    #[test]
    fn a_word_is_written_and_read_as_itself_known_or_not() {
        for (json, known) in [(r#""dead""#, true), (r#""parked""#, false)] {
            let word: Word<DeliveryState> = serde_json::from_str(json).unwrap();
            assert_eq!(word == DeliveryState::Dead, known);
            assert_eq!(serde_json::to_string(&word).unwrap(), json);
            assert_eq!(format!("{word:?}").starts_with("Known"), known);
        }
        assert_eq!(Word::from(Dialect::MailingApi).to_string(), "mailingapi");
        assert_eq!(Word::from(DeliveryState::Waiting).to_string(), "waiting");
    }
}
