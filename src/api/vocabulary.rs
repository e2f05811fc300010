//! The mapping: what each kind is called, and one payload as another.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use waypost_compat::{Dialect, Kind};

use super::Word;

/// The names of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindNames {
    /// The kind.
    pub kind: Word<Kind>,
    /// The name to subscribe to in each dialect; null where it has none.
    #[serde(flatten)]
    pub names: BTreeMap<Word<Dialect>, Option<Cow<'static, str>>>,
}

impl KindNames {
    /// The names of a kind, as this version has them.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        let name = |dialect: Dialect| (Word::Known(dialect), dialect.name(kind).map(Cow::Borrowed));
        Self { kind: kind.into(), names: Dialect::ALL.into_iter().map(name).collect() }
    }
}

/// The request to write a payload in another dialect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translate<'a> {
    /// The dialect of the payload.
    #[serde(borrow)]
    pub from: Cow<'a, str>,
    /// The dialect to write.
    #[serde(borrow)]
    pub to: Cow<'a, str>,
    /// The payload as its provider posts it.
    #[serde(borrow)]
    pub payload: &'a RawValue,
    /// The sending domain, for payloads that name it; null or absent for none.
    #[serde(borrow)]
    pub domain: Option<Cow<'a, str>>,
}

/// A payload in another dialect. Its bytes stand in the answer as they would be sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Translation<'a> {
    /// The event's name in the dialect that was written.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// The payload; null where the dialect's is no JSON.
    #[serde(borrow)]
    pub body: Option<&'a RawValue>,
    /// The fields of the event that the dialect has no place for.
    #[serde(borrow)]
    pub lost: Vec<Cow<'a, str>>,
}
