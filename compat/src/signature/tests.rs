//! Signatures against published vectors, and against themselves with a byte changed.

use proptest::prelude::*;

use super::*;
use crate::dialect::Dialect;
use crate::sign::mac::Code;

const KEY: &str = "whsec_00112233445566778899aabbccddeeff0011223344556677";
const BODY: &[u8] = br#"{"id":"evt_0011","type":"delivered","timestamp":"2024-01-15T10:30:00Z","data":{"message_id":"msg_1","to":"user@example.com"}}"#;
const SIGNED_AT: i64 = 1_705_315_800;
const OVER_BODY: &str = "149728f59ee33a4274d092c9c8f406162c8e6d1b4f61544f724ff95a75fa211d";
const OVER_TIME_AND_BODY: &str = "f705be4059f9e758e51ecf5b4b4f5cb25e4ce3982cca9687cc80d0df6f170b31";

fn schemes() -> Vec<(Scheme, Provider)> {
    let of = |dialect: Dialect| {
        dialect.schemes().iter().map(move |(_, scheme)| (*scheme, dialect.provider()))
    };
    Dialect::ALL.into_iter().flat_map(of).collect()
}

fn stamp() -> Stamp<'static> {
    Stamp {
        timestamp: SIGNED_AT,
        token: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        event_id: "msg_1",
        event_name: "delivered",
    }
}

fn signed(scheme: Scheme) -> Signed {
    sign(scheme, &[&Secret::new(KEY)], BODY, &stamp())
}

impl Signed {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

fn verify_at(
    provider: Provider,
    secrets: &[&str],
    request: &Signed,
    now: i64,
) -> Result<Verified, VerifyError> {
    let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
    let secrets: Vec<&Secret> = secrets.iter().collect();
    verify(provider, &secrets, |name| request.header(name), &request.body, now, 300)
}

fn mailgun_request(body: impl Into<Vec<u8>>) -> Signed {
    Signed { headers: Vec::new(), body: body.into() }
}

#[test]
fn every_scheme_makes_the_value_of_the_specification() {
    let plain = format!("sha256={OVER_BODY}");
    let timed = format!("t={SIGNED_AT},v1={OVER_TIME_AND_BODY}");
    let standard = "v1,M8OqUjLvqRgH4tlzFMBUlYpyz+9WZOCwB1iEffdcLn4=";
    for (scheme, header, expected) in [
        (Scheme::Posthawk, "X-Posthawk-Signature", plain.as_str()),
        (Scheme::PosthawkTimestamped, "X-Posthawk-Signature", &timed),
        (Scheme::MailStack, "X-MailStack-Signature", &timed),
        (Scheme::MailStack, "webhook-signature", standard),
        (Scheme::MailStack, "webhook-id", "msg_1"),
        (Scheme::MailStack, "webhook-timestamp", "1705315800"),
        (Scheme::MailStackRaw, "X-MailStack-Signature", OVER_BODY),
        (Scheme::Wistfare, "Wistmail-Signature", OVER_BODY),
        (Scheme::Wistfare, "X-Webhook-Signature", &plain),
        (Scheme::MailingApi, "X-MailingAPI-Signature", &timed),
    ] {
        assert_eq!(signed(scheme).header(header), Some(expected), "{scheme:?} {header}");
        assert_eq!(signed(scheme).body, BODY, "{scheme:?} sends the body it signed");
    }
}

#[test]
fn a_mailgun_body_is_an_envelope_around_the_bytes_of_event_data() {
    let key = Secret::new("0123456789abcdef0123456789abcdef");
    let signed = sign(Scheme::Mailgun, &[&key], br#"{"event" : "opened"}"#, &stamp());
    let expected = r#"{"signature":{"token":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","timestamp":"1705315800","signature":"b813913ec41f77ade2952fb166259d1f87b897551b51fdac0d3b6a1bac0edb15"},"event-data":{"event" : "opened"}}"#;
    assert_eq!(String::from_utf8(signed.body).unwrap(), expected);
}

#[test]
fn every_scheme_sends_its_dialects_headers() {
    for (scheme, expected) in [
        (Scheme::Posthawk, ["X-Posthawk-Event: delivered", "User-Agent: Posthawk-Webhook/1.0"]),
        (Scheme::Posthawk, ["X-Posthawk-Timestamp: 1705315800", "Content-Type: application/json"]),
        (Scheme::MailStack, ["X-MailStack-Event: delivered", "X-MailStack-Delivery: msg_1"]),
        (Scheme::Wistfare, ["X-Webhook-Event: delivered", "X-Webhook-Id: msg_1"]),
        (
            Scheme::Wistfare,
            ["User-Agent: WistfareMail-Webhook/1.0", "Content-Type: application/json"],
        ),
        (
            Scheme::Mailgun,
            [
                concat!("User-Agent: Waypost/", env!("CARGO_PKG_VERSION")),
                "Content-Type: application/json",
            ],
        ),
    ] {
        let headers = signed(scheme).headers;
        let lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        for line in expected {
            assert!(lines.iter().any(|found| found == line), "{scheme:?}: {line} in {lines:?}");
        }
    }
}

#[test]
fn both_secrets_of_a_rotation_sign_where_the_header_has_room() {
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let secrets = [&Secret::new(KEY), &Secret::new(other)];
    for (scheme, provider) in schemes() {
        let both = sign(scheme, &secrets, BODY, &stamp());
        assert!(verify_at(provider, &[KEY], &both, SIGNED_AT).is_ok(), "{scheme:?}");
        let room =
            matches!(scheme, Scheme::PosthawkTimestamped | Scheme::MailStack | Scheme::MailingApi);
        assert_eq!(verify_at(provider, &[other], &both, SIGNED_AT).is_ok(), room, "{scheme:?}");
    }
    let standard = sign(Scheme::MailStack, &secrets, BODY, &stamp());
    assert_eq!(standard.header("webhook-signature").unwrap().split(' ').count(), 2);
}

#[test]
fn standard_webhooks_headers_need_a_secret_that_is_base64() {
    let secret = Secret::new("whsec_not base64");
    let signed = sign(Scheme::MailStack, &[&secret], BODY, &stamp());
    assert_eq!(signed.header("webhook-signature"), None);
    assert_eq!(signed.header("webhook-id"), None);
    assert!(signed.header("x-mailstack-signature").is_some());
}

#[test]
fn standard_webhooks_headers_alone_verify() {
    let mut request = signed(Scheme::MailStack);
    request.headers.retain(|(name, _)| *name != "X-MailStack-Signature");
    let verified = verify_at(Provider::MailStack, &[KEY], &request, SIGNED_AT).unwrap();
    assert_eq!(verified.timestamp, Some(SIGNED_AT));
    request.body.push(b' ');
    let refused = verify_at(Provider::MailStack, &[KEY], &request, SIGNED_AT);
    assert_eq!(refused, Err(VerifyError::Mismatch));
}

#[test]
fn posthawks_drifted_alias_verifies_and_is_timed() {
    let mut request = signed(Scheme::Posthawk);
    request.headers[2].1 = format!("sha256={OVER_TIME_AND_BODY}");
    let verified = verify_at(Provider::Posthawk, &[KEY], &request, SIGNED_AT).unwrap();
    assert_eq!(verified.timestamp, Some(SIGNED_AT));
    let stale = verify_at(Provider::Posthawk, &[KEY], &request, SIGNED_AT + 301);
    assert_eq!(stale, Err(VerifyError::Stale { age_s: 301, tolerance_s: 300 }));
}

#[test]
fn either_of_wistfares_headers_will_do() {
    for gone in ["Wistmail-Signature", "X-Webhook-Signature"] {
        let mut request = signed(Scheme::Wistfare);
        request.headers.retain(|(name, _)| *name != gone);
        assert!(verify_at(Provider::Wistfare, &[KEY], &request, SIGNED_AT).is_ok(), "{gone}");
    }
}

#[test]
fn a_timed_signature_is_good_within_the_tolerance_only() {
    for (scheme, provider) in schemes() {
        let request = signed(scheme);
        let check = |now| verify_at(provider, &[KEY], &request, now);
        let timed = check(SIGNED_AT).unwrap().timestamp.is_some();
        let plain = matches!(scheme, Scheme::Posthawk | Scheme::MailStackRaw | Scheme::Wistfare);
        assert_eq!(timed, !plain, "{scheme:?}");
        for (offset, fresh) in [(-301, false), (-300, true), (300, true), (301, false)] {
            assert_eq!(check(SIGNED_AT + offset).is_ok(), fresh || plain, "{scheme:?} {offset}");
        }
    }
}

#[test]
fn a_subaccounts_body_verifies_under_its_own_key_and_its_parents() {
    let code = |key: &str| Code::of(&Secret::new(key), &[b"1705315800", b"tok"]).hex();
    let parts = format!(
        r#""timestamp":"1705315800","token":"tok","signature":"{}","parent-signature":"{}""#,
        code("own"),
        code("parent"),
    );
    let request = mailgun_request(format!(r#"{{"signature":{{{parts}}},"event-data":{{}}}}"#));
    for (secrets, good) in [
        (&["own"][..], true),
        (&["parent"], true),
        (&["another", "parent"], true),
        (&["another"], false),
        (&[""], false),
        (&[], false),
    ] {
        let verified = verify_at(Provider::Mailgun, secrets, &request, SIGNED_AT);
        assert_eq!(verified.is_ok(), good, "{secrets:?}: {verified:?}");
    }
}

#[test]
fn an_integer_timestamp_and_upper_case_hex_are_understood() {
    let code = Code::of(&Secret::new("key"), &[b"1705315800", b"tok"]).hex().to_uppercase();
    let request = mailgun_request(format!(
        r#"{{"signature":{{"timestamp":1705315800,"token":"tok","signature":"{code}"}}}}"#
    ));
    let verified = verify_at(Provider::Mailgun, &["key"], &request, SIGNED_AT).unwrap();
    let token = Some("tok".to_owned());
    assert_eq!(verified, Verified { timestamp: Some(SIGNED_AT), token });
}

#[test]
fn a_body_that_is_no_signed_envelope_is_refused_with_a_reason() {
    for (body, reason) in [
        ("", "signature: expected an object"),
        ("[]", "signature: expected an object"),
        ("{}", "expected a signature in `signature` in the body, found none"),
        (r#"{"signature":null}"#, "expected a signature in"),
        (r#"{"signature":{"timestamp":"1","token":"t"}}"#, "signature: expected an object"),
        (r#"{"signature":{"timestamp":"1","token":7,"signature":"x"}}"#, "signature: expected"),
        (r#"{"signature":{"timestamp":"1","token":"t","signature":"x"}}"#, "64 hex digits"),
        (r#"{"signature":{"timestamp":"+1","token":"t","signature":"x"}}"#, "unix seconds"),
        (r#"{"signature":{"timestamp":"1","token":"","signature":"x"}}"#, "1 to 255 bytes"),
    ] {
        let refused =
            verify_at(Provider::Mailgun, &["key"], &mailgun_request(body), 1).unwrap_err();
        assert!(refused.to_string().contains(reason), "{body}: {refused}");
    }
}

#[test]
fn a_mebibyte_of_brackets_is_skipped_without_recursion() {
    let nested = "[".repeat(1 << 20);
    let bodies = [nested.clone(), format!(r#"{{"event-data":{nested}"#)];
    for body in bodies {
        assert!(verify_at(Provider::Mailgun, &["key"], &mailgun_request(body), 0).is_err());
    }
    let (open, close) = ("[".repeat(1 << 18), "]".repeat(1 << 18));
    let deep = format!("{open}{close}");
    let request = sign(Scheme::Mailgun, &[&Secret::new(KEY)], deep.as_bytes(), &stamp());
    assert!(verify_at(Provider::Mailgun, &[KEY], &request, SIGNED_AT).is_ok());
}

#[test]
fn headers_of_the_wrong_form_are_refused_with_the_form_expected() {
    for (provider, name, value) in [
        (Provider::Posthawk, "X-Posthawk-Signature", "sha256=abc"),
        (Provider::Posthawk, "X-Posthawk-Signature", "md5=abc"),
        (Provider::MailStack, "X-MailStack-Signature", "é"),
        (Provider::MailStack, "X-MailStack-Signature", "t=1,t=2,v1=00"),
        (Provider::Wistfare, "Wistmail-Signature", ""),
        (Provider::MailingApi, "X-MailingAPI-Signature", "t=-5,v1=00"),
    ] {
        let request = Signed { headers: vec![(name, value.to_owned())], body: Vec::new() };
        let refused = verify_at(provider, &[KEY], &request, 0);
        assert!(matches!(refused, Err(VerifyError::Malformed { .. })), "{value}: {refused:?}");
    }
    for provider in Provider::ALL {
        let request = Signed { headers: Vec::new(), body: b"{}".to_vec() };
        let refused = verify_at(provider, &[KEY], &request, 0);
        assert!(matches!(refused, Err(VerifyError::Missing(_))), "{provider}: {refused:?}");
    }
}

#[test]
fn published_vectors_verify() {
    let mailgun = [
        (
            "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
            "1403645220",
            "5egbgr1vjgqxtrnp65xfznchgdccwh5d6i09vijqi3whgowmn6",
            "9cfc5c41582e51246e73c88d34db3af0a3a2692a76fbab81492842f000256d33",
        ),
        (
            "key-qblubkqnkdn4lfes5oscf57ryllaia42",
            "1499697910",
            "b5751a49a024483da8d41c3684f98b8f",
            "374e0b1a3deeb57318c783d43ff71093fbf26406a452761dab91bf346a93b49e",
        ),
    ];
    for (key, timestamp, token, signature) in mailgun {
        let code = Code::of(&Secret::new(key), &[timestamp.as_bytes(), token.as_bytes()]);
        assert_eq!(code.hex(), signature);
    }
    let key = Secret::new("It's a Secret to Everybody");
    let expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(Code::of(&key, &[b"Hello, World!"]).hex(), expected);
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signed = format!("{id}.1614265330.{{\"test\": 2432232314}}");
    let key = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let code = Code::standard(&key, &[signed.as_bytes()]).unwrap();
    assert_eq!(code.base64(), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/// The whole recorded set, where `WAYPOST_CORPUS` names the folder that holds it.
#[test]
fn recorded_vectors_verify() {
    let Some(corpus) = std::env::var_os("WAYPOST_CORPUS") else { return };
    let path = std::path::Path::new(&corpus).join("signing-vectors/vectors.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |vector: &serde_json::Value, field: &str| vector[field].as_str().unwrap().to_owned();
    for vector in vectors["mailgun"].as_array().unwrap() {
        let parts = serde_json::json!({ "signature": {
            "timestamp": vector["timestamp"], "token": vector["token"],
            "signature": vector["signature"],
        }});
        let now = text(vector, "timestamp").parse().unwrap();
        let request = mailgun_request(parts.to_string());
        let verified = verify_at(Provider::Mailgun, &[&text(vector, "key")], &request, now);
        assert_eq!(verified.unwrap().token, Some(text(vector, "token")));
    }
    for vector in vectors["standard_webhooks"].as_array().unwrap() {
        let now = vector["timestamp"].as_i64().unwrap();
        let headers = vec![
            ("webhook-id", text(vector, "id")),
            ("webhook-timestamp", now.to_string()),
            ("webhook-signature", text(vector, "signature")),
        ];
        let request = Signed { headers, body: text(vector, "body").into_bytes() };
        verify_at(Provider::MailStack, &[&text(vector, "secret")], &request, now).unwrap();
    }
    for vector in vectors["stripe_style"].as_array().unwrap() {
        let headers = vec![("X-MailingAPI-Signature", text(vector, "signature"))];
        let request = Signed { headers, body: text(vector, "body").into_bytes() };
        let now = vector["timestamp"].as_i64().unwrap();
        verify_at(Provider::MailingApi, &[&text(vector, "secret")], &request, now).unwrap();
    }
    for vector in vectors["github"].as_array().unwrap() {
        let headers = vec![("X-Posthawk-Signature", text(vector, "signature"))];
        let request = Signed { headers, body: text(vector, "body").into_bytes() };
        verify_at(Provider::Posthawk, &[&text(vector, "secret")], &request, 0).unwrap();
    }
}

#[test]
fn a_secret_shows_its_last_four_characters_and_no_more() {
    assert_eq!(Secret::new(KEY).hint(), "6677");
    assert_eq!(Secret::new("geheimnis-überall✓").hint(), "all✓");
    assert_eq!(Secret::new("hunter2").hint(), "");
    assert_eq!(format!("{:?}", Secret::new(KEY)), "Secret(..)");
}

#[test]
fn a_name_that_cannot_stand_in_a_header_is_made_so() {
    let name = format!("é\r\nX-Evil: 1{}", "x".repeat(500));
    let signed = sign(Scheme::Posthawk, &[], BODY, &Stamp { event_name: &name, ..stamp() });
    let value = signed.header("x-posthawk-event").unwrap();
    assert!(value.starts_with("???X-Evil: 1x") && value.len() == 200, "{value}");
    assert_eq!(signed.header("x-posthawk-signature"), None, "no secret, no signature");
}

fn secret_text() -> impl Strategy<Value = String> {
    prop_oneof!["whsec_[0-9a-f]{48}", "[ -~]{1,80}", "\\PC{1,40}"]
}

proptest! {
    #[test]
    fn what_was_signed_verifies(
        which in prop::sample::select(schemes()),
        key in secret_text(),
        other in secret_text(),
        body in proptest::collection::vec(any::<u8>(), 0..300),
        now in 0..4_000_000_000_i64,
    ) {
        let (scheme, provider) = which;
        // Mailgun's body has to be JSON around the payload, or the signature in it cannot be read.
        let body = if scheme == Scheme::Mailgun { BODY.to_vec() } else { body };
        let request = sign(scheme, &[&Secret::new(&key)], &body, &Stamp { timestamp: now, ..stamp() });
        prop_assert!(verify_at(provider, &[&other, &key], &request, now).is_ok());
        prop_assert_eq!(verify_at(provider, &[&other], &request, now).is_ok(), other == key);
    }

    #[test]
    fn one_changed_byte_is_noticed(
        which in prop::sample::select(schemes()[1..].to_vec()),
        body in proptest::collection::vec(any::<u8>(), 1..300),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let (scheme, provider) = which;
        let key = Secret::new(KEY);
        let good = sign(scheme, &[&key], &body, &stamp());

        let mut request = good.clone();
        request.body[at.index(body.len())] ^= 1 << bit;
        prop_assert!(verify_at(provider, &[KEY], &request, SIGNED_AT).is_err(), "body");

        let mut other = KEY.as_bytes().to_vec();
        other[at.index(KEY.len())] ^= 1;
        let other = String::from_utf8(other).unwrap();
        prop_assert!(verify_at(provider, &[&other], &good, SIGNED_AT).is_err(), "secret");

        // Every header that carries a signature, at once: any one of them would be enough.
        let mut request = good;
        for (name, value) in &mut request.headers {
            if name.to_ascii_lowercase().contains("signature") {
                let end = value.len() - 2 - at.index(20);
                let flipped = if value.as_bytes()[end] == b'0' { "1" } else { "0" };
                value.replace_range(end..=end, flipped);
            }
        }
        prop_assert!(verify_at(provider, &[KEY], &request, SIGNED_AT).is_err(), "signature");
    }

    #[test]
    fn one_changed_character_of_mailguns_three_parts_is_noticed(
        part in prop_oneof![Just("token"), Just("timestamp"), Just("signature")],
        at in any::<prop::sample::Index>(),
    ) {
        let request = sign(Scheme::Mailgun, &[&Secret::new(KEY)], BODY, &stamp());
        let mut body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let mut text = body["signature"][part].as_str().unwrap().to_owned();
        let at = at.index(text.len());
        let other = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
        text.replace_range(at..=at, other);
        body["signature"][part] = text.into();
        let request = mailgun_request(body.to_string());
        prop_assert!(verify_at(Provider::Mailgun, &[KEY], &request, SIGNED_AT).is_err());
    }

    #[test]
    fn arbitrary_requests_are_judged_without_panic(
        which in 0..Provider::ALL.len(),
        value in "\\PC{0,120}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        now in any::<i64>(),
        tolerance in any::<i64>(),
    ) {
        let key = Secret::new(KEY);
        let judged = verify(Provider::ALL[which], &[&key], |_| Some(&value), &body, now, tolerance);
        prop_assert!(judged.is_err());
    }
}
