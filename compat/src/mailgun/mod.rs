//! Mailgun's `event-data`, in its shape of 2026 (`spec/mailgun-events.md` §1).
//!
//! All of it is documented by Mailgun or captured from it, save what stands where another provider
//! says nothing: a code for failures that came without one (`default_code`), and ids made from
//! the source's (`event_id`).

mod names;
mod read;
mod shape;
mod signature;
mod write;

pub use self::names::{READABLE, canonical, event};
pub(crate) use self::signature::sign;
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::{Proof, Reading};
use crate::sign::Scheme;
use crate::speaking::{Fits, Speaking, Test};

pub(crate) static READING: Reading = Reading {
    kinds: &[
        Kind::Accepted,
        Kind::Delivered,
        Kind::Deferred,
        Kind::Bounced,
        Kind::Rejected,
        Kind::Opened,
        Kind::Clicked,
        Kind::Unsubscribed,
        Kind::Complained,
        Kind::Stored,
    ],
    kind: names::kind,
    unwrap: shape::unwrap,
    read: read::read,
    outlined: &shape::OUTLINED,
    domain: shape::domain,
    own: shape::OWN,
    proof: Proof {
        verify: signature::verify,
        place: "`signature` in the body",
        headers: &[],
        covers_body: false,
        secret: "the account's HTTP webhook signing key (`GET /v5/accounts/http_signing_key`)",
        is_api_key: signature::is_api_key,
    },
};

pub(crate) static SPEAKING: Speaking = Speaking {
    provider: Provider::Mailgun,
    kinds: names::KINDS,
    name: names::name,
    covers: &[(Kind::Bounced, &[Kind::Bounced, Kind::Failed])],
    event: names::event_name,
    write: write::write,
    payload: shape::payload,
    // Floats stay floats.
    survives_javascript: false,
    schemes: &[("token", Scheme::Mailgun)],
    test: Test::Plain,
    fits: Fits {
        telling_field: "reason",
        moments: &[
            (Kind::Accepted, "when the provider takes the message"),
            (Kind::Deferred, "on each failed attempt"),
        ],
        why_not: &[
            (Kind::Stored, "its events API lists them, no webhook brings them"),
            (Kind::Received, "incoming mail goes through Routes, not webhooks"),
            (Kind::Rejected, "only bounces come near, and receivers act on those"),
        ],
    },
};
