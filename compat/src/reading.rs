//! The form in which a provider's file says how the provider is read, and how it proves itself.

use serde_json::{Map, Value};

use crate::event::{Event, ParseError};
use crate::json::Wanted;
use crate::kind::Kind;
use crate::sign::check::Request;
use crate::sign::{Verified, VerifyError};

type Object = Map<String, Value>;

/// The ways of reading one provider.
pub(crate) struct Reading {
    /// The kinds that its events are of, in the order of a message's life.
    pub(crate) kinds: &'static [Kind],
    /// Leads from the word that a payload has for what happened to the kind; `None` for a word that
    /// nobody documented. Where one word stands for several kinds, the second argument is the text
    /// of the field that tells them apart.
    pub(crate) kind: fn(&str, Option<&str>) -> Option<Kind>,
    /// Takes the event out of the envelope, if it is in one.
    pub(crate) unwrap: fn(Object) -> Result<Object, ParseError>,
    /// Reads the event. What it does not understand it keeps.
    pub(crate) read: fn(Object) -> Result<Event, ParseError>,
    /// The members of a body that an outline is read from; `read` makes it of them alone.
    pub(crate) outlined: &'static [Wanted],
    /// The domain that an event belongs to.
    pub(crate) domain: fn(&Event) -> Option<String>,
    /// The paths (`data.status`) of fields that the provider documents and [`Event`] has no place
    /// for. What `read` leaves over at such a path is lost under the provider's name, what it
    /// leaves over elsewhere as unknown; the list changes nothing else.
    pub(crate) own: &'static [&'static str],
    /// The check of where a request comes from, and the words that explain why it failed.
    pub(crate) proof: Proof,
}

/// A provider's proof that it is who sent a request.
pub(crate) struct Proof {
    /// Checks a request under each of the source's secrets. Its age is for the caller to judge.
    pub(crate) verify: fn(&Request<'_>) -> Result<Verified, VerifyError>,
    /// The place of the signature, in words or by the header's name in the provider's spelling.
    pub(crate) place: &'static str,
    /// The lower-case names of the headers that the signature may stand in: by them a request of
    /// this provider is recognised where another's was expected. None for one in the body.
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
