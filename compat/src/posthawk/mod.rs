//! Posthawk's payload: an envelope around the record that Amazon SES publishes.
//!
//! Documented: the event names, and that an `event_data` object holds the SES record. By SES's
//! documentation: that record. Our choice, since Posthawk's page does not show it: the envelope
//! around it (`event`, `id`, `timestamp`, `message_id`), and that Mailgun's tags travel among SES's
//! message tags as the list `tags` (`spec/providers.md` §3.1, §3.2).

mod names;
mod read;
mod shape;
mod signature;
mod write;

pub(crate) use self::signature::{sign, sign_timed};
use crate::event::domain_of_addresses;
use crate::kind::Kind;
use crate::provider::Provider;
use crate::reading::{OWN_SECRET, Proof, Reading, bare};
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
        Kind::Complained,
    ],
    kind: names::kind,
    unwrap: bare,
    read: read::read,
    outlined: shape::OUTLINED,
    domain: domain_of_addresses,
    own: shape::OWN,
    proof: Proof {
        verify: signature::verify,
        place: signature::PLACE,
        headers: &["x-posthawk-signature"],
        covers_body: true,
        secret: OWN_SECRET,
        is_api_key: |text| text.starts_with("phk_"),
    },
};

pub(crate) static SPEAKING: Speaking = Speaking {
    provider: Provider::Posthawk,
    kinds: names::KINDS,
    name: names::name,
    covers: &[],
    event: names::name,
    write: write::write,
    payload: shape::payload,
    survives_javascript: true,
    schemes: &[("body", Scheme::Posthawk), ("timestamped", Scheme::PosthawkTimestamped)],
    test: Test::Event("test", shape::without_event),
    fits: Fits {
        telling_field: "event_data.eventType",
        moments: &[
            (Kind::Accepted, "when the message goes to SES"),
            (Kind::Deferred, "on each notice of delay"),
        ],
        why_not: &[(Kind::Unsubscribed, "only newsletters have unsubscriptions there")],
    },
};
