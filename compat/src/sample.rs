//! Realistic events out of thin air: for trying receivers, for test deliveries, for demonstrations.
//!
//! A sample is an [`Event`] rendered like any other, so it cannot differ from what is delivered.
//!
//! ```
//! use waypost_compat::sample::{self, Facts};
//! use waypost_compat::{Dialect, Kind, Provider};
//!
//! let facts = Facts { recipient: "ada@example.net", ..Facts::default() };
//! let body = sample::body(Dialect::Wistfare, Kind::Bounced, &facts).unwrap();
//! let event = waypost_compat::parse(Provider::Wistfare, &body).unwrap();
//! assert_eq!(event.kind, Some(Kind::Bounced));
//! assert_eq!(event.recipient.as_deref(), Some("ada@example.net"));
//!
//! assert_eq!(sample::body(Dialect::Wistfare, Kind::Unsubscribed, &facts), None);
//! ```

use crate::dialect::Dialect;
use crate::event::{Class, Client, Event, Message, Moment, Place, Reader, Report};
use crate::kind::Kind;
use crate::matrix::{self, Mode};
use crate::speaking;
use crate::translate::{Context, render};

/// The facts that a sample states. The defaults make a complete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The account's id (Mailgun: 24 hex digits).
    pub account: &'a str,
    /// The sending domain.
    pub domain: &'a str,
    /// The recipient it happened to.
    pub recipient: &'a str,
    /// The message's `Subject`.
    pub subject: &'a str,
    /// The event's id. Mailgun's form is made from it if it has another.
    pub event_id: &'a str,
    /// The message's id.
    pub message_id: &'a str,
    /// The time at which it happened, in milliseconds since the Unix epoch.
    pub occurred_at_ms: i64,
    /// The link that was followed.
    pub url: &'a str,
    /// The message's labels.
    pub tags: &'a [&'a str],
    /// The message's data.
    pub user_variables: &'a [(&'a str, &'a str)],
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            account: "0123456789abcdef01234567",
            domain: "example.com",
            recipient: "recipient@example.net",
            subject: "Your order has shipped",
            event_id: "evt_0123456789abcdef",
            message_id: "20260115103000.0123456789abcdef@example.com",
            occurred_at_ms: 1_768_473_000_123,
            url: "https://example.com/orders/1001",
            tags: &["order-shipped"],
            user_variables: &[("order", "A-1001")],
        }
    }
}

/// A sample as a dialect's payload (Mailgun: the `event-data` object); `None` where the dialect's
/// webhooks do not bring this kind.
#[must_use]
pub fn body(dialect: Dialect, kind: Kind, facts: &Facts<'_>) -> Option<Vec<u8>> {
    let context = Context {
        domain: facts.domain.to_owned(),
        account: facts.account.to_owned(),
        event_id: facts.event_id.to_owned(),
        received_at_ms: facts.occurred_at_ms,
    };
    let event = event(dialect, kind, facts)?;
    render(dialect, &event, &context).ok().map(|rendered| rendered.body)
}

/// A dialect's answer to an owner who asks for a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// The event's name, for the headers that repeat it.
    pub name: &'static str,
    /// The payload.
    pub body: Vec<u8>,
}

/// The payload of a test send, told from a real one at a glance; `None` where the dialect's
/// webhooks do not bring this kind.
///
/// Posthawk has a word for it: the event is called `test`, and the record in it holds a message to
/// which nothing has happened. Wistfare's vocabulary has none, so its test is a sample of `kind`
/// about the message `eml_test`; the other dialects' are plain samples (`spec/providers.md` §3.1).
///
/// ```
/// use waypost_compat::sample::{Facts, test};
/// use waypost_compat::{Dialect, Kind};
///
/// let test = test(Dialect::Posthawk, Kind::Bounced, &Facts::default()).unwrap();
/// assert_eq!(test.name, "test");
/// assert!(test.body.starts_with(br#"{"event":"test","#));
/// ```
#[must_use]
pub fn test(dialect: Dialect, kind: Kind, facts: &Facts<'_>) -> Option<Test> {
    let name = dialect.delivered_as(kind)?;
    match dialect.speaking().test {
        speaking::Test::Event(name, made_of) => {
            let sent = body(dialect, Kind::Accepted, facts)?;
            Some(Test { name, body: made_of(&sent)? })
        }
        speaking::Test::Message(message_id) => {
            let facts = Facts { message_id, ..*facts };
            Some(Test { name, body: body(dialect, kind, &facts)? })
        }
        speaking::Test::Plain => Some(Test { name, body: body(dialect, kind, facts)? }),
    }
}

fn event(dialect: Dialect, kind: Kind, facts: &Facts<'_>) -> Option<Event> {
    let name = matrix::event_name(dialect, kind, Mode::Strict)?;
    let mut event = Event::new(dialect.provider(), Some(kind), name);
    event.id = Some(facts.event_id.to_owned());
    event.time = Some(Moment::from_millis(facts.occurred_at_ms));
    event.recipient = Some(facts.recipient.to_owned());
    event.message = Message {
        id: Some(facts.message_id.to_owned()),
        from: Some(format!("Sample Sender <sender@{}>", facts.domain)),
        subject: Some(facts.subject.to_owned()),
        ..Message::default()
    };
    if kind != Kind::Received {
        event.tags = facts.tags.iter().map(|&tag| tag.to_owned()).collect();
        let variables = facts.user_variables.iter();
        event.user_variables =
            variables.map(|&(key, value)| (key.to_owned(), value.into())).collect();
    }
    event.report = report(kind);
    event.reader = reader(kind, facts);
    event.feedback_type = (kind == Kind::Complained).then(|| "abuse".to_owned());
    Some(event)
}

fn report(kind: Kind) -> Report {
    let reply = |code, enhanced: &str, text: &str| Report {
        code: Some(code),
        enhanced_code: Some(enhanced.to_owned()),
        text: Some(format!("{enhanced} {text}")),
        attempt: Some(1),
        ..Report::default()
    };
    match kind {
        Kind::Delivered => reply(250, "2.0.0", "OK"),
        Kind::Deferred => {
            Report { retry_after_s: Some(600), ..reply(452, "4.2.2", "The mailbox is full") }
        }
        Kind::Bounced => {
            Report { class: Some(Class::Hard), ..reply(550, "5.1.1", "No such user here") }
        }
        Kind::Rejected => {
            Report { text: Some("The message contains a virus".to_owned()), ..Report::default() }
        }
        Kind::Failed => {
            Report { text: Some("The template did not render".to_owned()), ..Report::default() }
        }
        Kind::Accepted
        | Kind::Opened
        | Kind::Clicked
        | Kind::Unsubscribed
        | Kind::Complained
        | Kind::Received
        | Kind::Stored => Report::default(),
    }
}

fn reader(kind: Kind, facts: &Facts<'_>) -> Reader {
    let some = |text: &str| Some(text.to_owned());
    if !matches!(kind, Kind::Opened | Kind::Clicked | Kind::Unsubscribed) {
        return Reader::default();
    }
    Reader {
        url: (kind == Kind::Clicked).then(|| facts.url.to_owned()),
        // An address for documentation (RFC 5737).
        ip: some("192.0.2.44"),
        user_agent: some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        client: Client {
            kind: some("browser"),
            os: some("Linux"),
            device: some("desktop"),
            name: some("Firefox"),
        },
        place: Place {
            country: some("NL"),
            region: some("NH"),
            city: some("Amsterdam"),
            timezone: some("Europe/Amsterdam"),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_name_of_every_dialect_has_a_test_that_is_told_from_a_real_event() {
        for dialect in Dialect::ALL {
            for kind in Kind::ALL {
                let test = test(dialect, kind, &Facts::default());
                let name = dialect.delivered_as(kind);
                assert_eq!(test.is_some(), name.is_some(), "{dialect} {kind}");
                let Some(test) = test else { continue };
                let body: Value = serde_json::from_slice(&test.body).unwrap();
                match dialect {
                    Dialect::Posthawk => {
                        assert_eq!((test.name, &body["event"]), ("test", &"test".into()));
                        assert_eq!(body["event_data"]["eventType"], "Test");
                        let record = body["event_data"].as_object().unwrap();
                        assert_eq!(record.keys().collect::<Vec<_>>(), ["eventType", "mail"]);
                        assert_eq!(
                            crate::parse(dialect.provider(), &test.body).unwrap().kind,
                            None
                        );
                    }
                    Dialect::Wistfare => {
                        assert_eq!(body["data"]["emailId"], "eml_test", "{kind}");
                        assert_eq!(body["type"], name.unwrap());
                    }
                    Dialect::Mailgun | Dialect::MailStack | Dialect::MailingApi => {
                        assert_eq!(Some(test.name), name);
                    }
                }
            }
        }
    }

    #[test]
    fn every_name_of_every_dialect_has_a_sample_that_reads_as_its_kind() {
        for dialect in Dialect::ALL {
            for kind in Kind::ALL {
                let body = body(dialect, kind, &Facts::default());
                assert_eq!(body.is_some(), dialect.delivered_as(kind).is_some());
                let Some(body) = body else { continue };
                let read = crate::parse(dialect.provider(), &body).unwrap();
                let name = dialect.delivered_as(kind).unwrap();
                assert!(dialect.covered(name).contains(&read.kind.unwrap()), "{name}");
                assert_eq!(read.recipient.as_deref(), Some("recipient@example.net"), "{name}");
                assert!(read.rest.is_empty() || dialect == Dialect::Mailgun, "{read:?}");
            }
        }
    }
}
