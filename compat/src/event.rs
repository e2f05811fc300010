//! One thing that happened to one message for one recipient, in no provider's shape.

use serde_json::{Map, Value};

use crate::kind::Kind;
use crate::provider::Provider;
use crate::text;
pub use crate::time::Moment;

/// One thing that happened to one message for one recipient.
///
/// The fields are what at least two of the dialects can say (`spec/providers.md` §3.2). What only
/// one of them has, and what nobody documented, is kept under [`rest`](Event::rest).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The provider whose event it is.
    pub provider: Provider,
    /// The kind of what happened; `None` where the name is none that we know.
    pub kind: Option<Kind>,
    /// The event's name as its source wrote it.
    pub name: String,
    /// The provider's id of the event.
    pub id: Option<String>,
    /// The time at which it happened.
    pub time: Option<Moment>,
    /// The recipient's bare address.
    pub recipient: Option<String>,
    /// The message that it happened to.
    pub message: Message,
    /// The labels that the message was sent with.
    pub tags: Vec<String>,
    /// The data that the message was sent with.
    pub user_variables: Map<String, Value>,
    /// The account of the delivery or its failure.
    pub report: Report,
    /// The account of the reader who opened, clicked or unsubscribed.
    pub reader: Reader,
    /// The mailbox provider's word for the complaint, such as `abuse`.
    pub feedback_type: Option<String>,
    /// Everything that has no place above.
    pub rest: Vec<Rest>,
}

/// The message that an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The provider's id of it, without angle brackets.
    pub id: Option<String>,
    /// The `From` of it.
    pub from: Option<String>,
    /// The `To` of it, where that says more than the recipient's address.
    pub to: Option<String>,
    /// The `Subject` of it.
    pub subject: Option<String>,
    /// The envelope's sender, where it is another address than `from`'s.
    pub sender: Option<String>,
}

/// An account of a delivery or a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The SMTP code, or one of Mailgun's own 6xx.
    pub code: Option<u16>,
    /// The enhanced status code of RFC 3463, such as `5.1.1`.
    pub enhanced_code: Option<String>,
    /// The server's words, or the provider's reason to refuse; without the code.
    pub text: Option<String>,
    /// The provider's words beside that.
    pub description: Option<String>,
    /// The number of the attempt, from 1.
    pub attempt: Option<u64>,
    /// Seconds until the sender tries again.
    pub retry_after_s: Option<u64>,
    /// The hardness of the failure.
    pub class: Option<Class>,
    /// SES's finer word for it, such as `MailboxFull`; `General` and SES's account-level
    /// suppression are what its absence means.
    pub subtype: Option<String>,
    /// Mailgun's word for it, such as `espblock`, where it is not the one that the class has.
    pub reason: Option<String>,
}

/// The hardness of a failure (`spec/providers.md` §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The address will never work.
    Hard,
    /// Trying might have worked; the sender has given up.
    Soft,
    /// The provider could not tell.
    Undetermined,
    /// Nothing was tried: the address is on a suppression list.
    Suppressed,
}

impl Report {
    /// Takes a server's reply apart. The enhanced code is the one that its text begins with, where
    /// no field had it.
    pub(crate) fn set_reply(&mut self, reply: Option<String>) {
        let Some(reply) = reply else { return };
        let (code, rest) = text::split_reply(&reply);
        self.code = code;
        self.text = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
        if self.enhanced_code.is_none() {
            self.enhanced_code = text::leading_enhanced_code(rest).map(str::to_owned);
        }
    }

    /// The server's reply, for payloads that have one text for code and text.
    pub(crate) fn reply(&self) -> Option<String> {
        text::join_reply(self.code, self.text.as_deref())
    }

    /// SES's two words for a bounce. One that came without a class is undetermined.
    pub(crate) fn ses_types(&self) -> (&'static str, &str) {
        let (class, general) = match self.class {
            Some(Class::Hard) => ("Permanent", "General"),
            Some(Class::Suppressed) => ("Permanent", "OnAccountSuppressionList"),
            Some(Class::Soft) => ("Transient", "General"),
            Some(Class::Undetermined) | None => ("Undetermined", "Undetermined"),
        };
        let subtype = self.subtype.as_deref().filter(|subtype| !subtype.is_empty());
        (class, subtype.unwrap_or(general))
    }

    /// Takes SES's finer word, which may say that nothing was tried, or nothing at all.
    pub(crate) fn set_subtype(&mut self, subtype: String) {
        match subtype.as_str() {
            "OnAccountSuppressionList" => self.class = Some(Class::Suppressed),
            "Suppressed" => {
                self.class = Some(Class::Suppressed);
                self.subtype = Some(subtype);
            }
            "General" | "Undetermined" => {}
            _ => self.subtype = Some(subtype),
        }
    }
}

/// Says that SES's `delayType` says no more than that there is a delay.
pub(crate) fn delay_says_nothing(delay_type: &str) -> bool {
    matches!(delay_type, "General" | "Undetermined")
}

impl Class {
    /// SES's `bounceType`.
    pub(crate) fn from_ses(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "Permanent" => Some(Self::Hard),
            "Transient" => Some(Self::Soft),
            "Undetermined" => Some(Self::Undetermined),
            _ => None,
        }
    }

    /// `hard` or `soft`, as the plainer dialects have it.
    pub(crate) fn from_hardness(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "hard" => Some(Self::Hard),
            "soft" => Some(Self::Soft),
            _ => None,
        }
    }

    /// The plain word; a suppressed address is as good as a wrong one.
    pub(crate) const fn hardness(self) -> Option<&'static str> {
        match self {
            Self::Hard | Self::Suppressed => Some("hard"),
            Self::Soft => Some("soft"),
            Self::Undetermined => None,
        }
    }
}

/// A person who opened, clicked or unsubscribed, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reader {
    /// The link that was followed.
    pub url: Option<String>,
    /// The address it was followed from.
    pub ip: Option<String>,
    /// The browser's or mail program's own name for itself.
    pub user_agent: Option<String>,
    /// The provider's reading of that.
    pub client: Client,
    /// The place where the address is.
    pub place: Place,
}

/// A provider's reading of a user agent (Mailgun's `client-info`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Such as `browser` or `email client`.
    pub kind: Option<String>,
    /// Such as `Android`.
    pub os: Option<String>,
    /// Such as `desktop` or `mobile`.
    pub device: Option<String>,
    /// Such as `Chrome`.
    pub name: Option<String>,
}

/// The place where a reader is (Mailgun's `geolocation`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Two letters.
    pub country: Option<String>,
    /// State or region.
    pub region: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Such as `Europe/London`.
    pub timezone: Option<String>,
}

/// A part of a payload that has no place in [`Event`].
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// The keys that lead to it (Mailgun: from `event-data` on).
    pub path: Vec<String>,
    /// The value that stands there.
    pub value: Value,
}

/// The part of an event that a gateway must know to store and route it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// The kind of what happened; `None` where the name is none that we know.
    pub kind: Option<Kind>,
    /// The event's name as its source wrote it (Mailgun: `event-data.event`).
    pub name: String,
    /// The provider's id of the event, where it gave one.
    pub id: Option<String>,
    /// The time at which it happened, in milliseconds since the Unix epoch, where the payload
    /// says so.
    pub occurred_at_ms: Option<i64>,
    /// The recipient's bare address.
    pub recipient: Option<String>,
    /// The provider's id of the message, without angle brackets.
    pub message_id: Option<String>,
    /// The domain that it belongs to, in lower case, where the payload names it or an address of the
    /// sender's (of the recipient's for mail that came in).
    pub domain: Option<String>,
}

impl Event {
    /// An event of which nothing is known but what it is.
    #[must_use]
    pub fn new(provider: Provider, kind: Option<Kind>, name: impl Into<String>) -> Self {
        Self {
            provider,
            kind,
            name: name.into(),
            id: None,
            time: None,
            recipient: None,
            message: Message::default(),
            tags: Vec::new(),
            user_variables: Map::new(),
            report: Report::default(),
            reader: Reader::default(),
            feedback_type: None,
            rest: Vec::new(),
        }
    }

    /// The recipient as payloads shall have it: a bare address, or none.
    pub(crate) fn address(&self) -> Option<&str> {
        self.recipient.as_deref().map(text::bare_address).filter(|address| !address.is_empty())
    }

    /// Takes a recipient as a payload writes it; a name beside the address goes into `To`.
    pub(crate) fn set_recipient(&mut self, written: Option<String>) {
        let Some(written) = written else { return };
        let address = text::bare_address(&written);
        self.recipient = Some(address.to_owned()).filter(|address| !address.is_empty());
        if address != written {
            self.message.to = Some(written);
        }
    }

    /// The domain of whose address comes first: the envelope's sender's, which may be known
    /// `besides`, or the author's; the recipient's for mail that came in.
    pub(crate) fn address_domain(&self, besides: Option<&str>) -> Option<String> {
        let Message { sender, from, .. } = &self.message;
        // Mail that came in was sent by others, to one of our addresses.
        let came_in = matches!(self.kind, Some(Kind::Received | Kind::Stored));
        let addresses = match came_in {
            true => [self.address(), None, None],
            false => [sender.as_deref(), besides, from.as_deref()],
        };
        let mut domains = addresses.into_iter().flatten().map(text::bare_address);
        domains.find_map(text::domain_of)
    }
}

/// The domain of an event whose provider's payloads name none.
pub(crate) fn domain_of_addresses(event: &Event) -> Option<String> {
    event.address_domain(None)
}

/// A body that is not an event of the provider it was read as one of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct ParseError {
    /// The place in the body, as a path such as `event-data.event`; `body` for the whole.
    pub field: String,
    /// The thing that should stand there.
    pub expected: &'static str,
    /// The thing that stands there, shortened.
    pub found: String,
}
