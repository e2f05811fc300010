//! The form in which a provider's file says how the provider is read, and how it proves itself.

use serde_json::{Map, Value};

use crate::event::{Event, ParseError};
use crate::json::Wanted;
use crate::kind::Kind;
use crate::sign::check::Request;
use crate::sign::{Verified, VerifyError};

type Object = Map<String, Value>;

/// An event's own text, and the name in it: the one that is subscribed to, where the provider
/// writes others.
pub(crate) type Payload<'t> = (&'t str, Option<String>);

/// The ways of reading one provider.
pub(crate) struct Reading {
    /// The kind of an event that a payload calls so. The second argument is the field that tells
    /// apart what shares a name.
    pub(crate) kind: fn(&str, Option<&str>) -> Option<Kind>,
    /// Takes the event out of the envelope, if it is in one.
    pub(crate) unwrap: fn(Object) -> Result<Object, ParseError>,
    /// Reads the event. What it does not understand it keeps.
    pub(crate) read: fn(Object) -> Result<Event, ParseError>,
    /// Finds the event's own text within the body's, and its name, without building anything.
    pub(crate) payload: fn(&str) -> Result<Payload<'_>, ParseError>,
    /// The members of a body that an outline is read from; `read` makes it of them alone.
    pub(crate) outlined: &'static [Wanted],
    /// The domain that an event belongs to.
    pub(crate) domain: fn(&Event) -> Option<String>,
    /// The documented fields that no other provider has a place for.
    pub(crate) own: &'static [&'static str],
    pub(crate) proof: Proof,
}

/// A provider's proof that it is who sent a request.
pub(crate) struct Proof {
    pub(crate) verify: fn(&Request<'_>) -> Result<Verified, VerifyError>,
    /// The place of the signature, in words or by the header's name in the provider's spelling.
    pub(crate) place: &'static str,
    /// The lower-case names of the headers that the signature may stand in.
    pub(crate) headers: &'static [&'static str],
    /// Says that the body is signed, not only something beside it.
    pub(crate) covers_body: bool,
    /// The secret that signs, in words.
    pub(crate) secret: &'static str,
    /// Says that a text has the form of a key to the provider's API, which signs nothing.
    pub(crate) is_api_key: fn(&str) -> bool,
}

/// The secret of a provider whose every webhook has its own.
pub(crate) const OWN_SECRET: &str =
    "the webhook's own secret, as it was shown when the webhook was made (`whsec_…`)";

/// A body that is the event, without an envelope.
pub(crate) fn bare(body: Object) -> Result<Object, ParseError> {
    Ok(body)
}
