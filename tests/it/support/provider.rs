//! The providers, as they post: an event of each, and their signatures made by hand, so that
//! nothing here believes what the gateway's own code says of them (`spec/providers.md` §3.3,
//! `spec/mailgun-events.md` §2).

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use waypost::model::hex;
use waypost_compat::Provider;

/// A request as a provider makes it.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// A secret in the form in which most providers write theirs.
pub(crate) const SECRET: &str = "whsec_00112233445566778899aabbccddeeff0011223344556677";

/// A delivered event whose provider calls it `id`; for Mailgun the `event-data` alone. Posthawk
/// gives its events no id, so there the message has it.
pub(crate) fn delivered(provider: Provider, id: &str) -> Value {
    match provider {
        Provider::Mailgun => json!({
            "event": "delivered", "id": id, "timestamp": 1_705_314_600.123_456_f64,
            "log-level": "info", "recipient": "user@example.com", "tags": ["welcome"],
            "message": { "headers": { "message-id": "msg_1@example.com" } },
        }),
        Provider::Posthawk => posthawk(id),
        Provider::MailStack => json!({
            "id": id, "type": "Delivered", "createdAt": "2024-01-15T10:30:00Z",
            "data": { "id": "msg_1", "toEmail": "user@example.com", "status": "Delivered" },
        }),
        Provider::Wistfare => wistfare(id),
        Provider::MailingApi => mailingapi(id),
    }
}

fn posthawk(id: &str) -> Value {
    json!({
        "event": "delivery", "timestamp": "2024-01-15T10:30:00Z", "message_id": id,
        "event_data": {
            "eventType": "Delivery",
            "mail": { "messageId": id, "destination": ["user@example.com"] },
            "delivery": {
                "timestamp": "2024-01-15T10:30:00Z", "recipients": ["user@example.com"],
                "smtpResponse": "250 ok",
            },
        },
    })
}

fn wistfare(id: &str) -> Value {
    json!({
        "id": id, "type": "email.delivered", "createdAt": "2024-01-15T10:30:00Z",
        "data": {
            "emailId": "eml_1", "from": "me@example.com", "to": "user@example.com",
            "subject": "Hi", "deliveredAt": "2024-01-15T10:30:00Z",
        },
    })
}

fn mailingapi(id: &str) -> Value {
    json!({
        "id": id, "type": "delivered", "timestamp": "2024-01-15T10:30:00Z",
        "data": {
            "message_id": "msg_1", "from": "me@example.com", "to": "user@example.com",
            "subject": "Hi", "metadata": {},
        },
    })
}

/// An event under a name that its provider does not have.
pub(crate) fn misnamed(provider: Provider, mut event: Value, name: &str) -> Value {
    let places: &[&str] = match provider {
        Provider::Mailgun => &["/event"],
        Provider::Posthawk => &["/event", "/event_data/eventType"],
        Provider::MailStack | Provider::Wistfare | Provider::MailingApi => &["/type"],
    };
    for place in places {
        *event.pointer_mut(place).unwrap() = name.into();
    }
    event
}

/// A provider's request for `event`, signed at `signed_at` (Unix seconds). `nonce` makes Mailgun's
/// single-use token.
pub(crate) fn post(
    provider: Provider,
    secret: &str,
    event: &Value,
    signed_at: i64,
    nonce: &str,
) -> Post {
    if provider == Provider::Mailgun {
        let token = format!("{nonce:0>50}");
        let signature = mac(secret, &format!("{signed_at}{token}"));
        let signature =
            json!({ "token": token, "timestamp": signed_at.to_string(), "signature": signature });
        let body = json!({ "signature": signature, "event-data": event }).to_string();
        return Post { headers: vec![json_type()], body };
    }
    raw(provider, secret, event.to_string(), signed_at)
}

/// Any body at all under a good signature; not Mailgun's, which is part of the body.
pub(crate) fn raw(provider: Provider, secret: &str, body: String, signed_at: i64) -> Post {
    let timed = || format!("t={signed_at},v1={}", mac(secret, &format!("{signed_at}.{body}")));
    let signature = match provider {
        Provider::Mailgun => unreachable!("its signature is part of the body"),
        Provider::Posthawk => ("X-Posthawk-Signature", format!("sha256={}", mac(secret, &body))),
        Provider::MailStack => ("X-MailStack-Signature", timed()),
        Provider::Wistfare => ("Wistmail-Signature", mac(secret, &body)),
        Provider::MailingApi => ("X-MailingAPI-Signature", timed()),
    };
    Post { headers: vec![json_type(), signature], body }
}

/// Lower-case hex of HMAC-SHA256, keyed with the whole secret.
pub(crate) fn mac(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn json_type() -> (&'static str, String) {
    ("Content-Type", "application/json".to_owned())
}

/// The specification's own vector: the two implementations here agree with a third.
#[test]
fn signatures_made_by_hand_are_those_of_the_vectors() {
    let body = r#"{"id":"evt_0011","type":"delivered","timestamp":"2024-01-15T10:30:00Z","data":{"message_id":"msg_1","to":"user@example.com"}}"#;
    let raw = "149728f59ee33a4274d092c9c8f406162c8e6d1b4f61544f724ff95a75fa211d";
    let timed = "f705be4059f9e758e51ecf5b4b4f5cb25e4ce3982cca9687cc80d0df6f170b31";
    assert_eq!(mac(SECRET, body), raw);
    assert_eq!(mac(SECRET, &format!("1705315800.{body}")), timed);
}
