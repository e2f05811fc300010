//! Signing: a rendered payload becomes a request, headers and all.

use super::mac::Code;
use super::{Scheme, Secret, Signed, Stamp, mailgun};

/// How requests name themselves where a provider's documentation gives no name of its own.
const USER_AGENT: &str = concat!("Waypost/", env!("CARGO_PKG_VERSION"));

/// The longest header value made of something that came from outside.
const HEADER_CHARS_MAX: usize = 200;

/// Signs a rendered payload for one attempt. Every one of `secrets` signs where the scheme can
/// carry several signatures (a rotation's overlap); otherwise the first does. Without any secret
/// the request carries no signature (Mailgun: an empty one) and no verifier will take it.
///
/// Header values are printable ASCII whatever the stamp holds.
#[must_use]
pub fn sign(scheme: Scheme, secrets: &[&Secret], payload: &[u8], stamp: &Stamp<'_>) -> Signed {
    let event_name = header_text(stamp.event_name);
    let event_id = header_text(stamp.event_id);
    let time = stamp.timestamp.to_string();
    let timed = || timed(secrets, &time, payload);
    let plain = || secrets.first().map(|secret| Code::of(secret, &[payload]).hex());

    let mut headers = Headers::new(scheme);
    match scheme {
        Scheme::Mailgun => {
            let body = mailgun::envelope(secrets.first().copied(), payload, &time, stamp.token);
            return Signed { headers: headers.0, body };
        }
        Scheme::Posthawk | Scheme::PosthawkTimestamped => {
            let prefixed = || plain().map(|hex| format!("sha256={hex}"));
            let timestamped = matches!(scheme, Scheme::PosthawkTimestamped);
            let signature = if timestamped { timed() } else { prefixed() };
            headers.add("X-Posthawk-Signature", signature);
            headers.add("X-Posthawk-Event", Some(event_name));
            headers.add("X-Posthawk-Timestamp", Some(time));
        }
        Scheme::MailStack | Scheme::MailStackRaw => {
            let raw = matches!(scheme, Scheme::MailStackRaw);
            headers.add("X-MailStack-Signature", if raw { plain() } else { timed() });
            headers.add("X-MailStack-Event", Some(event_name));
            headers.add("X-MailStack-Delivery", Some(event_id.clone()));
            if !raw && let Some(signature) = standard(secrets, &event_id, &time, payload) {
                headers.add("webhook-signature", Some(signature));
                headers.add("webhook-id", Some(event_id));
                headers.add("webhook-timestamp", Some(time));
            }
        }
        Scheme::Wistfare => {
            // The seed's header and the one its code sends carry the same digest, so both go out
            // and every published verifier passes (`spec/providers.md` §3.3, note 2).
            let hex = plain();
            headers.add("Wistmail-Signature", hex.clone());
            headers.add("X-Webhook-Signature", hex.map(|hex| format!("sha256={hex}")));
            headers.add("X-Webhook-Event", Some(event_name));
            headers.add("X-Webhook-Id", Some(event_id));
        }
        Scheme::MailingApi => headers.add("X-MailingAPI-Signature", timed()),
    }
    Signed { headers: headers.0, body: payload.to_vec() }
}

struct Headers(Vec<(&'static str, String)>);

impl Headers {
    /// What every request of a scheme carries (`spec/providers.md` §3.4).
    fn new(scheme: Scheme) -> Self {
        let user_agent = match scheme {
            Scheme::Posthawk | Scheme::PosthawkTimestamped => "Posthawk-Webhook/1.0",
            Scheme::Wistfare => "WistfareMail-Webhook/1.0",
            Scheme::Mailgun | Scheme::MailStack | Scheme::MailStackRaw | Scheme::MailingApi => {
                USER_AGENT
            }
        };
        Self(vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", user_agent.to_owned()),
        ])
    }

    fn add(&mut self, name: &'static str, value: Option<String>) {
        self.0.extend(value.map(|value| (name, value)));
    }
}

/// `t=…,v1=…`, with a `v1` for each secret.
fn timed(secrets: &[&Secret], time: &str, payload: &[u8]) -> Option<String> {
    let mut value = format!("t={time}");
    for secret in secrets {
        value.push_str(",v1=");
        value.push_str(&Code::of(secret, &[time.as_bytes(), b".", payload]).hex());
    }
    (!secrets.is_empty()).then_some(value)
}

/// `v1,<base64>` for each secret that Standard Webhooks can make a key of, with spaces between.
fn standard(secrets: &[&Secret], id: &str, time: &str, payload: &[u8]) -> Option<String> {
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", payload];
    let codes = secrets.iter().filter_map(|secret| Code::standard(secret, &parts));
    let signatures: Vec<String> = codes.map(|code| format!("v1,{}", code.base64())).collect();
    (!signatures.is_empty()).then(|| signatures.join(" "))
}

/// Text that may stand in a header: an event name may be one that only its source knows.
fn header_text(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.trim().chars().take(HEADER_CHARS_MAX).map(safe).collect()
}
