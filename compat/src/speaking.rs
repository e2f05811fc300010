//! The form in which a provider's file says how it is spoken to: what makes it a dialect.

use serde_json::{Map, Value};

use crate::event::{Event, Moment, ParseError};
use crate::kind::Kind;
use crate::provider::Provider;
use crate::sign::Scheme;

/// The gateway's own facts, for what a target's payload always says and a source's may not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The sending domain (Mailgun: `domain.name`).
    pub domain: String,
    /// The account's id, 24 hex digits (Mailgun: `account.id`).
    pub account: String,
    /// The gateway's own id of the event, for payloads whose source gave none.
    pub event_id: String,
    /// The time at which the gateway received the event, in milliseconds since the Unix epoch.
    pub received_at_ms: i64,
}

/// The purpose that a rendering is made for.
pub(crate) struct Target<'a> {
    /// The kind of what happened, as the target shall have it.
    pub(crate) kind: Option<Kind>,
    /// The name that the payload gives it.
    pub(crate) name: &'a str,
    pub(crate) context: &'a Context,
}

impl Target<'_> {
    pub(crate) fn time(&self, event: &Event) -> Moment {
        event.time.unwrap_or_else(|| Moment::from_millis(self.context.received_at_ms))
    }

    pub(crate) fn id<'e>(&'e self, event: &'e Event) -> &'e str {
        event.id.as_deref().unwrap_or(&self.context.event_id)
    }
}

/// An event's own text, and the name in it: the one that is subscribed to, where the provider
/// writes others.
pub(crate) type Payload<'t> = (&'t str, Option<String>);

/// The ways of speaking to one dialect's receivers.
pub(crate) struct Speaking {
    /// The provider whose dialect it is.
    pub(crate) provider: Provider,
    /// The kinds with a name of their own, in the order in which the provider documents them.
    pub(crate) kinds: [Kind; 8],
    /// The name under which a kind is subscribed to.
    pub(crate) name: fn(Kind) -> Option<&'static str>,
    /// The kinds whose names bring others too, and all that each brings.
    pub(crate) covers: &'static [(Kind, &'static [Kind])],
    /// The name that a payload gives to a kind.
    pub(crate) event: fn(Kind) -> Option<&'static str>,
    /// Writes a payload.
    pub(crate) write: fn(&Event, &Target<'_>) -> Map<String, Value>,
    /// Finds the event's own text within a body of the dialect's provider, and its name, without
    /// building anything: what is forwarded as it came.
    pub(crate) payload: fn(&str) -> Result<Payload<'_>, ParseError>,
    /// Says that bodies must survive being parsed and written again by JavaScript, since a
    /// published verifier does that before it checks (`spec/providers.md` §3.3, note 5).
    pub(crate) survives_javascript: bool,
    /// The ways of signing, by what is signed; the default first.
    pub(crate) schemes: &'static [(&'static str, Scheme)],
    pub(crate) test: Test,
    pub(crate) fits: Fits,
}

/// The marks by which a test send is told from a real one.
pub(crate) enum Test {
    /// None: a plain sample.
    Plain,
    /// The message's id: a sample about such a message.
    Message(&'static str),
    /// A name of its own, and the way in which it is made of a sample of [`Kind::Accepted`].
    Event(&'static str, fn(&[u8]) -> Option<Vec<u8>>),
}

/// The facts that the matrix of subscriptions is computed from, beside the names.
pub(crate) struct Fits {
    /// The field of a payload that tells apart what shares a name.
    pub(crate) telling_field: &'static str,
    /// The moments at which names fire, for the two kinds on which providers differ.
    pub(crate) moments: &'static [(Kind, &'static str)],
    /// The reasons for which receivers are not told of a kind, where there is more to say than that
    /// there is no such event.
    pub(crate) why_not: &'static [(Kind, &'static str)],
}
