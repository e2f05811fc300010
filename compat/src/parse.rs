//! The way in: any provider's body to an event, or to as much of one as a gateway needs.

use crate::event::{Event, Moment, Outline, ParseError};
use crate::json;
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::Reading;
use crate::{mailgun, mailingapi, mailstack, posthawk, wistfare};

impl Provider {
    /// Leads from a provider to what its file says of reading it.
    pub(crate) const fn reading(self) -> &'static Reading {
        match self {
            Self::Mailgun => &mailgun::READING,
            Self::Posthawk => &posthawk::READING,
            Self::MailStack => &mailstack::READING,
            Self::Wistfare => &wistfare::READING,
            Self::MailingApi => &mailingapi::READING,
        }
    }

    /// The kinds that the provider's events are of, in the order of a message's life.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        self.reading().kinds
    }

    /// The kind of an event that the provider's payload calls `event`.
    ///
    /// `tell` is the field that tells apart what shares a name: Mailgun's `severity`, Wistfare's
    /// `failureType` (our own). Besides the names that can be subscribed to, what the providers are
    /// known to put into payloads is understood: Mailgun's Events API names, SES's `eventType`
    /// words for Posthawk, the numbers of `MailStack`'s enumeration.
    #[must_use]
    pub fn kind_of(self, event: &str, tell: Option<&str>) -> Option<Kind> {
        (self.reading().kind)(event, tell)
    }
}

/// Reads one event. Takes arbitrary bytes; never panics; memory is bounded by the body's length.
///
/// For Mailgun both the whole webhook body and a bare `event-data` object are understood.
pub fn parse(provider: Provider, body: &[u8]) -> Result<Event, ParseError> {
    let reading = provider.reading();
    (reading.read)((reading.unwrap)(json::object(body)?)?)
}

/// Reads the part of an event that a gateway stores and routes it by, and keeps no more of the body.
///
/// A body with an unknown event name has an outline (`kind` is `None`); a body that is not this
/// provider's at all has none. Whatever has an outline can be parsed, and then has the same
/// [outline](Event::outline).
pub fn outline(provider: Provider, body: &[u8]) -> Result<Outline, ParseError> {
    let reading = provider.reading();
    let body = json::part_of_object(body, reading.outlined)?;
    (reading.read)((reading.unwrap)(body)?).map(|event| event.outline())
}

impl Event {
    /// The part that a gateway stores and routes the event by.
    #[must_use]
    pub fn outline(&self) -> Outline {
        Outline {
            kind: self.kind,
            name: self.name.clone(),
            id: self.id.clone(),
            occurred_at_ms: self.time.map(Moment::millis),
            recipient: self.recipient.clone(),
            message_id: self.message.id.clone(),
            domain: (self.provider.reading().domain)(self),
        }
    }
}
