//! The webhooks of email providers, and how to get from any one to any other.
//!
//! A [`Provider`] is read: it sends events, under names and in a shape of its own, and proves that
//! it did. A [`Dialect`] is spoken: the names, the payloads and the signatures that one provider's
//! receivers are used to. Three questions are answered here, all of them by pure functions: what
//! is this event called over there ([`kind`], [`matrix`]), what does its payload look like over
//! there ([`parse`], [`render`], [`translate`](translate())), and is this signature good
//! ([`signature`]). Nothing in this crate does I/O, reads a clock or draws randomness.
//!
//! A provider is one file: its names, its reader, its proof and, if it is a dialect too, its writer
//! and its signature. It is listed in [`provider`], and one `match` (`parse.rs`) leads
//! from the list to the file; a second (`dialect.rs`) leads to what speaking needs.
//!
//! # The dialects
//!
//! **Mailgun** puts a signature and an `event-data` object into the body. Two of its webhooks,
//! `temporary_fail` and `permanent_fail`, bring the event `failed`; `severity` tells which. Its
//! shape is documented and well recorded, with float seconds for times and a 22-character id.
//!
//! **Posthawk** sends through Amazon SES and hands on SES's record under `event_data`: `mail` for
//! the message, and one object for what happened. The envelope around it is not documented; ours
//! has `event`, `id`, `timestamp` and `message_id`.
//!
//! **MailStack** names events as its API's enumeration does (`Delivered`, `DeliveryDelay`) and
//! keeps what the provider said, and the message's own data, under `data.metadata`.
//!
//! **Wistfare Mail** prefixes its names (`email.delivered`) and says when in a field of its own
//! (`deliveredAt`). It has no place for tags or data, no deferrals and no unsubscriptions.
//!
//! **MailingAPI** (also Outboxa) has the plainest payload; it alone has both deferrals and
//! incoming mail, and nothing for a message that was merely accepted.
//!
//! What is documented by a provider, what was seen in its code, and what is our choice is said at
//! the top of each provider's file; the tables in `fixtures/tables` show all names, the matrix of
//! subscriptions, and what each translation loses.
//!
//! # Reading an event
//!
//! ```
//! use waypost_compat::{Kind, Provider, parse};
//!
//! let body = br#"{"id":"evt_1","type":"email.bounced","createdAt":"2026-01-15T10:30:00Z",
//!     "data":{"emailId":"eml_1","to":"ada@example.net","reason":"550 5.1.1 no such user",
//!     "bounceType":"hard","colour":"blue"}}"#;
//! let event = parse(Provider::Wistfare, body)?;
//!
//! assert_eq!(event.kind, Some(Kind::Bounced));
//! assert_eq!(event.recipient.as_deref(), Some("ada@example.net"));
//! assert_eq!(event.report.code, Some(550));
//! assert_eq!(event.report.enhanced_code.as_deref(), Some("5.1.1"));
//! // What nobody documented is kept.
//! assert_eq!(event.rest[0].path, ["data", "colour"]);
//! # Ok::<(), waypost_compat::event::ParseError>(())
//! ```
//!
//! An unknown event name is no error: its [`kind`](Event::kind) is `None`, its name is kept. A body
//! that is no event says what was expected and what stood there.
//!
//! ```
//! use waypost_compat::{Provider, parse};
//!
//! let event = parse(Provider::MailingApi, br#"{"type":"list_cleaned"}"#)?;
//! assert_eq!((event.kind, event.name.as_str()), (None, "list_cleaned"));
//!
//! let error = parse(Provider::Mailgun, br#"{"event-data":"soon"}"#).unwrap_err();
//! assert_eq!(error.to_string(), "event-data: expected an object, found \"soon\"");
//! # Ok::<(), waypost_compat::event::ParseError>(())
//! ```
//!
//! # Translating one
//!
//! What a payload cannot carry comes back as a list, under stable names: never silently.
//!
//! ```
//! use waypost_compat::translate::Context;
//! use waypost_compat::{Dialect, Provider, translate};
//!
//! let body = br#"{"id":"evt_1","type":"clicked","timestamp":"2026-01-15T10:30:00Z","data":
//!     {"message_id":"msg_1","to":"ada@example.net","url":"https://example.com/",
//!     "metadata":{"order":"A-1001"},"tags":["spring"]}}"#;
//! let context = Context { domain: "example.com".to_owned(), ..Context::default() };
//!
//! let posthawk = translate(Provider::MailingApi, body, Dialect::Posthawk, &context)?;
//! assert_eq!((posthawk.name.as_str(), posthawk.lost.len()), ("click", 0));
//!
//! let wistfare = translate(Provider::MailingApi, body, Dialect::Wistfare, &context)?;
//! assert_eq!(wistfare.lost, ["tags", "user-variables"]);
//!
//! let same = translate(Provider::MailingApi, body, Dialect::MailingApi, &context)?;
//! assert_eq!((same.name.as_str(), same.lost.len()), ("clicked", 0));
//! assert!(!same.body.contains(&b'\n'), "written as JavaScript would");
//! # Ok::<(), waypost_compat::translate::TranslateError>(())
//! ```
//!
//! Where a dialect has no name for what happened there is no payload, and the error says so.
//!
//! ```
//! use waypost_compat::translate::Context;
//! use waypost_compat::{Dialect, Provider, translate};
//!
//! let body = br#"{"id":"evt_1","type":"unsubscribed","data":{"to":"ada@example.net"}}"#;
//! let error = translate(Provider::MailingApi, body, Dialect::MailStack, &Context::default());
//! assert_eq!(error.unwrap_err().to_string(), "mailstack has no event for `unsubscribed`");
//! ```
//!
//! # Failures
//!
//! Providers agree on little here, so one rule decides: an event is [`Kind::Deferred`] while the
//! sender will try again and [`Kind::Bounced`] once it will not, however soft the failure was. A
//! suppressed address bounces too. How hard it was is the event's
//! [`class`](event::Report::class). A receiver that takes only hard bounces for final can be served
//! with [`TranslateOptions`](translate::TranslateOptions).
#![warn(clippy::wildcard_enum_match_arm)]

pub mod dialect;
pub mod event;
mod json;
pub mod kind;
mod loss;
pub mod mailgun;
mod mailingapi;
mod mailstack;
pub mod matrix;
mod parse;
mod posthawk;
pub mod provider;
mod reading;
pub mod sample;
mod sign;
pub mod signature;
mod speaking;
mod text;
mod time;
pub mod translate;
mod wistfare;

pub use dialect::Dialect;
pub use event::Event;
pub use kind::Kind;
pub use parse::{outline, parse};
pub use provider::Provider;
pub use sign::Secret;
pub use translate::{render, translate};
