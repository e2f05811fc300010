//! Making: the forms of signature that more than one dialect uses, and the headers around them.

use super::mac::Code;
use super::{Secret, Signed, Stamp};

/// The name that requests give themselves where a provider's documentation gives none of its own.
pub(crate) const USER_AGENT: &str = concat!("Waypost/", env!("CARGO_PKG_VERSION"));

/// The longest header value made of something that came from outside.
const HEADER_CHARS_MAX: usize = 200;

/// A rendered payload about to be signed for one attempt.
#[derive(Clone, Copy)]
pub(crate) struct Unsigned<'s> {
    pub(crate) secrets: &'s [&'s Secret],
    pub(crate) payload: &'s [u8],
    pub(crate) stamp: &'s Stamp<'s>,
}

impl Unsigned<'_> {
    pub(crate) fn time(&self) -> String {
        self.stamp.timestamp.to_string()
    }

    /// Hex over the payload.
    pub(crate) fn plain(&self) -> Option<String> {
        self.secrets.first().map(|secret| Code::of(secret, &[self.payload]).hex())
    }

    /// `sha256=` and hex over the payload.
    pub(crate) fn prefixed(&self) -> Option<String> {
        self.plain().map(|hex| format!("sha256={hex}"))
    }

    /// `t=…,v1=…`, with a `v1` for each secret.
    pub(crate) fn timed(&self) -> Option<String> {
        let time = self.time();
        let mut value = format!("t={time}");
        for secret in self.secrets {
            value.push_str(",v1=");
            value.push_str(&Code::of(secret, &[time.as_bytes(), b".", self.payload]).hex());
        }
        (!self.secrets.is_empty()).then_some(value)
    }

    /// `v1,<base64>` for each secret that Standard Webhooks can make a key of, with spaces between.
    pub(crate) fn standard(&self) -> Option<String> {
        let (id, time) = (header_text(self.stamp.event_id), self.time());
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", self.payload];
        let codes = self.secrets.iter().filter_map(|secret| Code::standard(secret, &parts));
        let signatures: Vec<String> = codes.map(|code| format!("v1,{}", code.base64())).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }

    /// The request, its body the payload as it is.
    pub(crate) fn with(&self, headers: Headers) -> Signed {
        Signed { headers: headers.0, body: self.payload.to_vec() }
    }
}

/// The headers of a request that is being made.
pub(crate) struct Headers(Vec<(&'static str, String)>);

impl Headers {
    /// Every request's headers (`spec/providers.md` §3.4).
    pub(crate) fn new(user_agent: &str) -> Self {
        Self(vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", user_agent.to_owned()),
        ])
    }

    pub(crate) fn add(&mut self, name: &'static str, value: Option<String>) {
        self.0.extend(value.map(|value| (name, value)));
    }

    /// Adds what came from outside.
    pub(crate) fn add_text(&mut self, name: &'static str, text: &str) {
        self.0.push((name, header_text(text)));
    }

    /// The headers in order.
    pub(crate) fn into_list(self) -> Vec<(&'static str, String)> {
        self.0
    }
}

/// Text that may stand in a header: an event name may be one that only its source knows.
fn header_text(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.trim().chars().take(HEADER_CHARS_MAX).map(safe).collect()
}
