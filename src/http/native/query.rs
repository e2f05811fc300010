//! Query parameters and pages of the native API.

use std::fmt::Display;
use std::str::FromStr;

use crate::api;
use crate::http::native_error::{NativeError, quoted};
use crate::store::{Listing, Page};
use serde::Deserialize;
use serde::de::value::{Error as WordError, StrDeserializer};

/// The items of a page unless asked otherwise.
const LIMIT_DEFAULT: usize = 50;

/// The most items a page may have.
const LIMIT_MAX: usize = 200;

/// A request's query parameters.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query. A parameter that is not `known`, or comes twice, is refused: a filter that
    /// was overlooked would look like an answer.
    pub(super) fn read(raw: &str, known: &[&str]) -> Result<Self, NativeError> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(raw).map_err(|error| {
            NativeError::malformed(format!("the query cannot be read: {error}"))
        })?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let expected = format!("expected only `{}`", known.join("`, `"));
                return Err(NativeError::invalid(name, format!("{expected}, found `{name}`")));
            }
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(NativeError::invalid(name, format!("`{name}` was given twice")));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter's text; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, value)| known == name && !value.is_empty())?;
        Some(value)
    }

    /// A parameter as one of the nouns.
    pub(super) fn parsed<T>(&self, name: &str) -> Result<Option<T>, NativeError>
    where
        T: FromStr<Err: Display>,
    {
        let parse = |text: &str| text.parse().map_err(|error: T::Err| invalid(name, &error));
        self.text(name).map(parse).transpose()
    }

    /// A parameter that is one of a fixed set of words, as they stand in answers.
    pub(super) fn word<'q, T: Deserialize<'q>>(
        &'q self,
        name: &str,
    ) -> Result<Option<T>, NativeError> {
        let parse = |text: &'q str| {
            T::deserialize(StrDeserializer::new(text))
                .map_err(|error: WordError| invalid(name, &error))
        };
        self.text(name).map(parse).transpose()
    }

    /// `limit` and `cursor`.
    pub(super) fn page<Id>(&self) -> Result<Page<Id>, NativeError>
    where
        Id: FromStr<Err: Display>,
    {
        let limit = match self.text("limit") {
            None => LIMIT_DEFAULT,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(
                    || {
                        let expected = format!("expected a number from 1 to {LIMIT_MAX}");
                        NativeError::invalid("limit", format!("{expected}, found {}", quoted(text)))
                    },
                )?
            }
        };
        let after = self.text("cursor").map(str::parse).transpose().map_err(|_| {
            NativeError::invalid(
                "cursor",
                "expected the `next` of an earlier page, as it stood there",
            )
        })?;
        Ok(Page { after, limit })
    }
}

/// A page as it is answered: `next` is the cursor of the page after it, `null` at the end.
pub(super) fn listing<T, Id: Display, Shown>(
    page: &Listing<T, Id>,
    show: impl Fn(&T) -> Shown,
) -> api::Page<Shown> {
    let next = page.next.as_ref().map(ToString::to_string);
    api::Page { items: page.items.iter().map(show).collect(), next }
}

fn invalid(name: &str, error: &impl Display) -> NativeError {
    NativeError::invalid(name, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeliveryState, EventId};

    const KNOWN: &[&str] = &["state", "limit", "cursor"];

    fn read(raw: &str) -> Query {
        Query::read(raw, KNOWN).unwrap()
    }

    #[track_caller]
    fn refused<T: std::fmt::Debug>(result: Result<T, NativeError>, message: &str) {
        assert_eq!(result.unwrap_err().body().message, message);
    }

    #[test]
    fn a_page_is_fifty_from_the_start_unless_asked_otherwise() {
        let page = read("").page::<EventId>().unwrap();
        assert_eq!((page.limit, page.after), (50, None));
        let id = EventId::from_bytes([9; 16]);
        let page = read(&format!("limit=200&cursor={id}")).page::<EventId>().unwrap();
        assert_eq!((page.limit, page.after), (200, Some(id)));
    }

    #[test]
    fn limits_and_cursors_that_are_none_are_refused() {
        for bad in ["0", "201", "-1", "ten", "99999999999999999999"] {
            let expected = format!("expected a number from 1 to 200, found {bad:?}");
            refused(read(&format!("limit={bad}")).page::<EventId>(), &expected);
        }
        let expected = "expected the `next` of an earlier page, as it stood there";
        refused(read("cursor=dlv_00").page::<EventId>(), expected);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        refused(
            Query::read("status=dead", KNOWN),
            "expected only `state`, `limit`, `cursor`, found `status`",
        );
        refused(Query::read("limit=1&limit=2", KNOWN), "`limit` was given twice");
    }

    #[test]
    fn words_are_those_of_the_answers() {
        assert_eq!(read("state=dead").word("state").unwrap(), Some(DeliveryState::Dead));
        assert_eq!(read("state=").word::<DeliveryState>("state").unwrap(), None);
        refused(
            read("state=lost").word::<DeliveryState>("state"),
            "unknown variant `lost`, expected one of `waiting`, `delivered`, `dead`, `cancelled`",
        );
    }
}
