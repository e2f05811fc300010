//! Identifiers: sixteen bytes each, one type per noun, so that no two can be confused.

use std::fmt;
use std::str::FromStr;

use sha2::Digest;

use super::{DomainName, Timestamp, WebhookScope, WebhookUrl};

/// Bytes as lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The bytes that `text` spells in hex digits of either case; `None` if it spells none.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// A text that is not an identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form `{prefix}` and 32 hex digits, found {found:?}")]
pub struct InvalidId {
    prefix: &'static str,
    found: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The beginning of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// An id from its sixteen bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The sixteen bytes, as they are kept in the store.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// An id that sorts by the time it was made: 48 bits of milliseconds, 80 random bits.
            #[must_use]
            pub fn timed(at: Timestamp, random: [u8; 10]) -> Self {
                let mut bytes = [0; 16];
                let millis = u64::try_from(at.millis()).unwrap_or(0).to_be_bytes();
                bytes[..6].copy_from_slice(&millis[2..]);
                bytes[6..].copy_from_slice(&random);
                Self(bytes)
            }

            /// The time in an id that [`timed`](Self::timed) made.
            #[must_use]
            pub fn time(&self) -> Timestamp {
                let mut millis = [0; 8];
                millis[2..].copy_from_slice(&self.0[..6]);
                Timestamp::from_millis(i64::from_be_bytes(millis))
            }

            /// The sixteen bytes in the form of a UUID, for dialects that show ids so.
            #[must_use]
            pub fn uuid(&self) -> String {
                let h = hex(&self.0);
                format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
            }

            /// Reads what [`uuid`](Self::uuid) wrote.
            #[must_use]
            pub fn from_uuid(text: &str) -> Option<Self> {
                let dashes = [8, 13, 18, 23];
                let well_formed = text.len() == 36
                    && text.bytes().enumerate().all(|(i, b)| (b == b'-') == dashes.contains(&i));
                if !well_formed {
                    return None;
                }
                Some(Self(from_hex(&text.replace('-', ""))?.try_into().ok()?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .and_then(from_hex)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        prefix: $prefix,
                        found: text.chars().take(64).collect(),
                    })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// An account: a tenant.
    AccountId, "acc_"
);
id!(
    /// An API key's public name. The key itself is kept only as a hash.
    KeyId, "key_"
);
id!(
    /// A source: a provider connection that feeds a domain.
    SourceId, "src_"
);
id!(
    /// A webhook. Sixteen random bytes with a UUID v4's marks; each dialect shows them in its own
    /// way.
    WebhookId, "whk_"
);
id!(
    /// An event. Sorts by arrival.
    EventId, "evt_"
);
id!(
    /// A delivery. Sorts by the time it was enqueued. The last byte of one made by
    /// [`new`](Self::new) is zero: its attempts have their number there.
    DeliveryId, "dlv_"
);
id!(
    /// An endpoint: a hash of scope and URL, or the webhook that it belongs to alone.
    EndpointId, "ept_"
);
id!(
    /// An attempt: its delivery's id, and its number in the last byte.
    AttemptId, "att_"
);

impl DeliveryId {
    /// A new id that sorts by the time it was made: 48 bits of milliseconds, 72 random bits.
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let mut id = Self::timed(at, random);
        id.0[15] = 0;
        id
    }
}

impl AttemptId {
    /// The id of a delivery's attempt, which are numbered from 1. Those past the 256th share one.
    #[must_use]
    pub fn of(delivery: DeliveryId, number: u32) -> Self {
        let mut bytes = delivery.0;
        bytes[15] = u8::try_from(number.saturating_sub(1)).unwrap_or(u8::MAX);
        Self(bytes)
    }

    /// The delivery that it was made for.
    #[must_use]
    pub const fn delivery(self) -> DeliveryId {
        let mut bytes = self.0;
        bytes[15] = 0;
        DeliveryId(bytes)
    }

    /// The number of the attempt among its delivery's, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        u32::from(self.0[15]) + 1
    }
}

impl EndpointId {
    /// The endpoint of a URL within a scope.
    #[must_use]
    pub fn of_url(scope: &WebhookScope, url: &WebhookUrl) -> Self {
        let mut hash = sha2::Sha256::new();
        hash.update(scope.account.as_bytes());
        hash.update(scope.domain.as_ref().map_or("*", DomainName::as_str));
        hash.update([0]);
        hash.update(url.as_str());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// The endpoint of a webhook that shares it with no other.
    #[must_use]
    pub const fn of_webhook(id: WebhookId) -> Self {
        Self(id.0)
    }
}

impl WebhookId {
    /// A new id from random bytes, marked as a UUID v4 because Posthawk's clients may check that.
    #[must_use]
    pub const fn random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_read_back() {
        let id = EventId::timed(Timestamp::from_millis(1_770_146_798_372), [7; 10]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(EventId::from_uuid(&id.uuid()), Some(id));
        assert_eq!(id.time().millis(), 1_770_146_798_372);
    }

    #[test]
    fn an_attempts_id_leads_to_its_delivery() {
        let delivery = DeliveryId::new(Timestamp::from_millis(1_770_146_798_372), [7; 10]);
        for number in [1, 2, 20, 256] {
            let attempt = AttemptId::of(delivery, number);
            assert_eq!((attempt.delivery(), attempt.number()), (delivery, number));
        }
        assert_eq!(AttemptId::of(delivery, 1).uuid(), delivery.uuid());
        assert_eq!(AttemptId::of(delivery, 1000), AttemptId::of(delivery, 256));
    }

    #[test]
    fn another_nouns_id_is_refused_with_the_form_expected() {
        let id = EventId::from_bytes([0; 16]).to_string();
        let refused = id.parse::<DeliveryId>().unwrap_err().to_string();
        assert!(refused.starts_with("expected an id of the form `dlv_`"), "{refused}");
    }
}
