//! The native API's requests and answers as types: what the server writes and its clients read.
//!
//! The JSON below `/waypost/v1`, the answers of the ingest URLs and of the probes. The fields of a
//! type stand in the order in which they are answered. An `Option` without a value is `null`,
//! unless its documentation says *absent*. Times are [`Time`]s, in RFC 3339; other units stand in
//! the names of the fields. Where a name here is also one of [`model`](crate::model)'s, this is what
//! of the noun is shown.
//!
//! Server and client may be of different versions. A reader passes over fields that it does not
//! know, and a word of a set that can grow is a [`Word`], so that a new one does not make an old
//! client fail. A field that is added to an answer has no default: a client that is newer than its
//! server says so instead of making a value up.

mod account;
mod delivery;
mod domain;
mod endpoint;
mod error;
mod event;
mod health;
mod import;
mod key;
mod page;
mod source;
#[cfg(test)]
mod tests;
mod time;
mod vocabulary;
mod webhook;
mod word;

pub use account::{Account, CreateAccount, CreatedAccount, OwnAccount, UpdateAccount};
pub use delivery::{Attempt, Delivery, DeliveryDetail, DeliverySummary, Replayed};
pub use domain::{DnsRecord, Domain, DomainHead};
pub use endpoint::{
    BreakerState, Endpoint, EndpointHealth, EndpointState, LastFailure, Limits, UpdateEndpoint,
};
pub use error::{ErrorAnswer, ErrorBody};
pub use event::{BatchItem, Event, EventDetail, IngestStatus, Receipt, RefusedBatch};
pub use health::{Health, HealthStatus};
pub use import::{
    Change, ChangeAction, ChangeKind, ChangedField, ChangedValue, ImportReport, NewSecret,
    SecretlessSource,
};
pub use key::{CreateKey, IssuedKey, Key};
pub use page::{Items, Page};
pub use source::{CreateSource, Source, UpdateSource};
pub use time::Time;
pub use vocabulary::{KindNames, Translate, Translation};
pub use webhook::{CreateWebhook, CreatedWebhook, UpdateWebhook, Webhook};
pub use word::Word;
