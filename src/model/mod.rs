//! The nouns: what accounts, domains, sources, webhooks, endpoints, events and deliveries are.
//!
//! Plain values without behaviour that needs a clock, a store or a socket. Strings from outside
//! become these types once, at the edge ([`DomainName`], [`WebhookUrl`]); below it nobody checks
//! again.

mod account;
mod delivery;
mod dns;
mod domain;
mod endpoint;
mod event;
mod id;
mod source;
mod time;
mod unanswered;
mod webhook;

pub use account::{Account, Key, KeyHash, Scope};
pub use delivery::{Attempt, Delivery, DeliveryState, Failure, NewDelivery, NextStep, Outcome};
pub use dns::{DnsRecord, DnsUse, InvalidRecord};
pub use domain::{Domain, DomainName, InvalidDomain};
pub use endpoint::{
    Backlog, Endpoint, EndpointHealth, EndpointLimits, LastFailure, OpenBreaker, Rate,
};
pub use event::{Arrival, DedupeKey, StoredEvent, TokenKey};
pub use id::{
    AccountId, AttemptId, DeliveryId, EndpointId, EventId, InvalidId, KeyId, SourceId, WebhookId,
    from_hex, hex,
};
pub use source::{InvalidServes, Serves, Source};
pub use time::Timestamp;
pub use unanswered::Unanswered;
pub use webhook::{InvalidUrl, Webhook, WebhookScope, WebhookState, WebhookStats, WebhookUrl};
