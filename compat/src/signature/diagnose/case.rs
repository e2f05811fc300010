//! A request to be explained, and the explanations there are.

use super::bodies::BodyForm;
use super::keys::KeyForm;
use crate::provider::Provider;
use crate::sign::{Secret, Verified, VerifyError};

/// A request whose signature shall be explained.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The provider that is said to have signed.
    pub provider: Provider,
    /// The secret as it was given.
    pub secret: &'a Secret,
    /// The request's headers, names in any spelling.
    pub headers: &'a [(String, String)],
    /// The request's body.
    pub body: &'a [u8],
    /// The time of checking, in Unix seconds.
    pub now: i64,
    /// The age that the signature may have, in seconds.
    pub tolerance_s: i64,
}

/// The verdict on a signature, and what explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The answer of [`verify`](crate::signature::verify).
    pub verdict: Result<Verified, VerifyError>,
    /// The explanations, the surest first.
    pub findings: Vec<Finding>,
}

/// An explanation, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// With these changes the signature is good.
    Verifies(Vec<Change>),
    /// The signature is good, its time is not.
    OutOfTime {
        /// Age in seconds; negative for the future.
        age_s: i64,
        /// The age that it may have.
        tolerance_s: i64,
    },
    /// The timestamp counts milliseconds, where seconds are expected.
    Milliseconds,
    /// There is no signature where the provider has it.
    Missing {
        /// The place where the provider has it.
        expected: &'static str,
        /// Headers whose names look as if they held one.
        alike: Vec<String>,
    },
    /// A signature that is no SHA-256.
    OtherDigest {
        /// The header or field.
        place: String,
        /// The number of hex digits found, where 64 are expected.
        digits: usize,
    },
    /// The secret has the form of an API key, of this provider's API.
    ApiKey(Provider),
    /// There is no secret.
    NoSecret,
    /// The body is Mailgun's `event-data` alone; the signature stands beside it.
    EventDataAlone,
    /// Nothing that was tried helps, and the body is not signed (Mailgun): it is another secret.
    OtherSecret,
    /// Nothing that was tried helps: it is another secret, or another body.
    OtherSecretOrBody,
}

/// Something that must be otherwise for the signature to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The request is signed as another provider's.
    Provider(Provider),
    /// The signature stands in another place.
    Place {
        /// The place where the provider has it.
        expected: &'static str,
        /// The place where it stands.
        found: String,
    },
    /// The signature is written otherwise than its place asks for.
    Writing {
        /// The header or field.
        place: String,
    },
    /// The signature covers something else than its form says.
    Signed(Form),
    /// The secret.
    Secret(KeyForm),
    /// The body.
    Body(BodyForm),
}

/// The signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The body.
    Body,
    /// `{t}.{body}`.
    TimeAndBody,
    /// `{id}.{t}.{body}`, as in Standard Webhooks.
    IdTimeAndBody,
    /// Mailgun's timestamp and token.
    TimeAndToken,
}

impl Form {
    pub(super) const fn covers_body(self) -> bool {
        !matches!(self, Self::TimeAndToken)
    }

    /// The way a key is usually made of the secret.
    pub(super) const fn usual_key(self) -> KeyForm {
        match self {
            Self::IdTimeAndBody => KeyForm::Base64,
            Self::Body | Self::TimeAndBody | Self::TimeAndToken => KeyForm::AsGiven,
        }
    }
}
