//! The five providers, as they post: an event of each, and their signatures made by hand, so that
//! nothing here believes what the gateway's own code says of them (`spec/providers.md` §3.3,
//! `spec/mailgun-events.md` §2).

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use waypost::model::hex;
use waypost_compat::Dialect;

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
pub(crate) fn delivered(dialect: Dialect, id: &str) -> Value {
    match dialect {
        Dialect::Mailgun => json!({
            "event": "delivered", "id": id, "timestamp": 1_705_314_600.123_456_f64,
            "log-level": "info", "recipient": "user@example.com", "tags": ["welcome"],
            "message": { "headers": { "message-id": "msg_1@example.com" } },
        }),
        Dialect::Posthawk => json!({
            "event": "delivery", "timestamp": "2024-01-15T10:30:00Z", "message_id": id,
            "event_data": {
                "eventType": "Delivery",
                "mail": { "messageId": id, "destination": ["user@example.com"] },
                "delivery": {
                    "timestamp": "2024-01-15T10:30:00Z", "recipients": ["user@example.com"],
                    "smtpResponse": "250 ok",
                },
            },
        }),
        Dialect::MailStack => json!({
            "id": id, "type": "Delivered", "createdAt": "2024-01-15T10:30:00Z",
            "data": { "id": "msg_1", "toEmail": "user@example.com", "status": "Delivered" },
        }),
        Dialect::Wistfare => json!({
            "id": id, "type": "email.delivered", "createdAt": "2024-01-15T10:30:00Z",
            "data": {
                "emailId": "eml_1", "from": "me@example.com", "to": "user@example.com",
                "subject": "Hi", "deliveredAt": "2024-01-15T10:30:00Z",
            },
        }),
        Dialect::MailingApi => json!({
            "id": id, "type": "delivered", "timestamp": "2024-01-15T10:30:00Z",
            "data": {
                "message_id": "msg_1", "from": "me@example.com", "to": "user@example.com",
                "subject": "Hi", "metadata": {},
            },
        }),
    }
}

/// A provider's request for `event`, signed at `signed_at` (Unix seconds). `nonce` makes Mailgun's
/// single-use token.
pub(crate) fn post(
    dialect: Dialect,
    secret: &str,
    event: &Value,
    signed_at: i64,
    nonce: &str,
) -> Post {
    if dialect == Dialect::Mailgun {
        let token = format!("{nonce:0>50}");
        let signature = mac(secret, &format!("{signed_at}{token}"));
        let signature =
            json!({ "token": token, "timestamp": signed_at.to_string(), "signature": signature });
        let body = json!({ "signature": signature, "event-data": event }).to_string();
        return Post { headers: vec![json_type()], body };
    }
    raw(dialect, secret, event.to_string(), signed_at)
}

/// Any body at all under a good signature; not Mailgun's, which is part of the body.
pub(crate) fn raw(dialect: Dialect, secret: &str, body: String, signed_at: i64) -> Post {
    let timed = || format!("t={signed_at},v1={}", mac(secret, &format!("{signed_at}.{body}")));
    let signature = match dialect {
        Dialect::Mailgun => unreachable!("its signature is part of the body"),
        Dialect::Posthawk => ("X-Posthawk-Signature", format!("sha256={}", mac(secret, &body))),
        Dialect::MailStack => ("X-MailStack-Signature", timed()),
        Dialect::Wistfare => ("Wistmail-Signature", mac(secret, &body)),
        Dialect::MailingApi => ("X-MailingAPI-Signature", timed()),
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
