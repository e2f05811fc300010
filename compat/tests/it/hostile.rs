//! Bodies that nobody sane sends.

use proptest::prelude::*;
use waypost_compat::translate::Context;
use waypost_compat::{Dialect, Kind, Provider, outline, parse, translate};

/// What has an outline is stored and acknowledged, so it must also be deliverable: readable, and
/// as the outline says, though that is read from less.
fn feed(body: &[u8]) {
    for from in Provider::ALL {
        let outline = outline(from, body);
        assert_eq!(outline, parse(from, body).map(|event| event.outline()));
        if let (Ok(outline), Some(own)) = (outline, from.dialect()) {
            let same = translate(from, body, own, &Context::default());
            assert!(same.is_ok(), "{from}: {} but {same:?}", outline.name);
        }
        for to in Dialect::ALL {
            let _ = translate(from, body, to, &Context::default());
        }
    }
}

#[test]
fn a_mebibyte_of_brackets_is_an_error_and_no_overflow() {
    for bracket in
        ["[", "{\"a\":", "{\"event-data\":", "{\"type\":[", "\"", "\\", "{\"data\":{\"metadata\":"]
    {
        let body = bracket.repeat((1 << 20) / bracket.len());
        feed(body.as_bytes());
        for from in Provider::ALL {
            assert!(outline(from, body.as_bytes()).is_err());
            let to = from.dialect().unwrap_or(Dialect::Mailgun);
            assert!(translate(from, body.as_bytes(), to, &Context::default()).is_err());
        }
    }
}

#[test]
fn nesting_inside_an_event_is_refused_before_it_is_followed() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let body = format!(r#"{{"event":"delivered","type":"delivered","data":{deep}}}"#);
    for provider in Provider::ALL {
        let error = outline(provider, body.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "body: expected at most 100 levels of nesting, found more");
    }
}

/// Anything quadratic in the number of fields would show here by minutes.
#[test]
fn a_mebibyte_of_unknown_fields_is_read_and_every_one_is_listed() {
    let members: Vec<_> = (0..60_000).map(|n| format!("\"field{n}\":{n}")).collect();
    let body = format!(
        r#"{{"event":"delivered","type":"delivered","data":{{{0}}},"event_data":{{{0}}}}}"#,
        members.join(",")
    );
    let rendered =
        translate(Provider::MailingApi, body.as_bytes(), Dialect::Mailgun, &Context::default())
            .unwrap();
    assert_eq!(rendered.lost.len(), 60_002, "{:?}", &rendered.lost[..3]);
}

#[test]
fn bodies_that_are_no_events_say_what_was_expected_and_what_was_found() {
    for (provider, body, text) in [
        (Provider::Mailgun, r#"{"signature":{}}"#, "event-data: expected an object, found nothing"),
        (
            Provider::Mailgun,
            r#"{"event-data":[1]}"#,
            "event-data: expected an object, found an array",
        ),
        (
            Provider::Mailgun,
            r#"{"event-data":{}}"#,
            "event-data.event: expected the event's name, found nothing",
        ),
        (Provider::Posthawk, r#"{"event":true}"#, "event: expected the event's name, found true"),
        (Provider::MailStack, r#"{"type":null}"#, "type: expected the event's name, found null"),
        (Provider::Wistfare, r#"[]"#, "body: expected a JSON object, found an array"),
        (Provider::MailingApi, "7", "body: expected a JSON object, found 7"),
    ] {
        assert_eq!(parse(provider, body.as_bytes()).unwrap_err().to_string(), text);
        let to = provider.dialect().unwrap();
        let translated = translate(provider, body.as_bytes(), to, &Context::default());
        assert!(translated.is_err(), "{body}");
    }
    let error = parse(Provider::Wistfare, b"{\"type\":\"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "body: expected UTF-8, found a stray byte at 9");
}

/// A JavaScript program that cuts a text inside an emoji sends this.
#[test]
fn half_a_character_does_not_make_an_event_unreadable() {
    let body = br#"{"type":"opened","data":{"subject":"ok \ud83d\ude00, cut \ud83d","user_agent":"\\ud83d"}}"#;
    let event = parse(Provider::MailingApi, body).unwrap();
    assert_eq!(event.kind, Some(Kind::Opened));
    assert_eq!(event.message.subject.as_deref(), Some("ok 😀, cut \u{fffd}"));
    assert_eq!(event.reader.user_agent.as_deref(), Some("\\ud83d"));
    for cut in [
        r#"{"\ud83d":1,"type":"opened","event":"opened"}"#,
        r#"{"type":"\ud83d","event":"\ud83d"}"#,
    ] {
        feed(cut.as_bytes());
        let same =
            translate(Provider::Wistfare, cut.as_bytes(), Dialect::Wistfare, &Context::default());
        assert_eq!(same.unwrap().body, cut.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&body);
    }

    #[test]
    fn arbitrary_text_never_panics(body in any::<String>()) {
        feed(body.as_bytes());
    }

    #[test]
    fn events_cut_and_put_together_again_never_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "\"event\":", "\"type\":", "\"event-data\":", "\"event_data\":", "\"mail\":", "\"eventType\":",
            "{", "}", "[", "]", ",", "\"failed\"", "\"Bounce\"", "7", "1e999", "null", "true", "\"\\ud800\"", "\"\"", "{}",
            "\"\\u0065vent\":", "\"id\":1", "-0.0",
        ]), 0..12),
    ) {
        feed(format!("{{{}}}", parts.concat()).as_bytes());
        feed(parts.concat().as_bytes());
    }

    #[test]
    fn damaged_events_never_panic(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let body = br#"{"event":"bounce","type":"email.bounced","event-data":{"event":"failed","timestamp":1.5,
            "delivery-status":{"code":550},"x":"\ud83d\u0000"},"data":{"to":["a@example.com"],"metadata":{"1":1e9}},
            "event_data":{"mail":{"tags":{"a":["b"]}},"bounce":{"bouncedRecipients":[{"emailAddress":"a"}]}}}"#;
        let mut damaged = body.to_vec();
        let len = damaged.len();
        damaged[at % len] = byte;
        feed(&damaged);
        feed(&damaged[..cut % len]);
    }
}
