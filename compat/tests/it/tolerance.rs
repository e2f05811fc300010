//! What providers, and those who imitate them, are known to write otherwise than documented.

use serde_json::{Value, json};
use waypost_compat::event::Class;
use waypost_compat::translate::{Context, TranslateOptions, render_with, shown_as};
use waypost_compat::{Dialect, Event, Kind, Provider, outline, parse, render, translate};

#[track_caller]
fn read(provider: Provider, body: &Value) -> Event {
    parse(provider, body.to_string().as_bytes()).unwrap()
}

fn left_over(event: &Event) -> Vec<String> {
    event.rest.iter().map(|part| part.path.join(".")).collect()
}

#[test]
fn mailgun_says_in_five_ways_that_there_are_no_user_variables() {
    for (written, kept) in [
        (json!({"event": "opened", "user-variables": {}}), false),
        (json!({"event": "opened", "user-variables": []}), false),
        (json!({"event": "opened", "user-variables": null}), false),
        (json!({"event": "opened"}), false),
        (json!({"event": "opened", "user-variables": "Could not load user-variables."}), true),
    ] {
        let event = read(Provider::Mailgun, &written);
        assert!(event.user_variables.is_empty(), "{written}");
        assert_eq!(left_over(&event) == ["user-variables"], kept, "{written}");
    }
    let nested = json!({"event": "opened", "user-variables": {"a": {"b": [1, true]}}});
    assert_eq!(read(Provider::Mailgun, &nested).user_variables["a"]["b"][1], true);
}

#[test]
fn mailgun_nulls_and_texts_stand_for_what_they_say() {
    let event = read(
        Provider::Mailgun,
        &json!({"signature": {"timestamp": 1}, "event-data": {
            "event": "failed", "severity": null, "log-level": "error", "timestamp": "1521243339.5",
            "delivery-status": {"code": "605", "message": null, "attempt-no": 1.0},
            "storage": [], "tags": null, "campaigns": [], "message": null}}),
    );
    assert_eq!((event.kind, event.report.class), (Some(Kind::Bounced), Some(Class::Suppressed)));
    assert_eq!((event.report.code, event.report.attempt), (Some(605), Some(1)));
    assert_eq!(event.time.unwrap().millis(), 1_521_243_339_500);
    assert!(event.rest.is_empty(), "{:?}", event.rest);

    let bare = json!({"event": "failed", "delivery-status": null});
    assert_eq!(read(Provider::Mailgun, &bare).kind, Some(Kind::Deferred));
    let dotted = json!({"event": "failed", "delivery-status": {"code": "5.1.1"}});
    assert_eq!(left_over(&read(Provider::Mailgun, &dotted)), ["delivery-status.code"]);
}

#[test]
fn posthawk_comes_wrapped_bare_and_flat() {
    let mail = json!({"messageId": "m1", "destination": ["ada@example.net", "bob@example.net"]});
    let open = json!({"timestamp": "2026-01-15T10:30:00Z", "ipAddress": "192.0.2.1"});
    for body in [
        json!({"event": "open", "event_data": {"eventType": "Open", "mail": mail, "open": open}}),
        json!({"event_data": {"eventType": "Open", "mail": mail, "open": open}}),
        json!({"eventType": "Open", "mail": mail, "open": open}),
        json!({"notificationType": "Open", "mail": mail, "open": open}),
        json!({"event": "open", "id": "e1", "mail": mail, "open": open}),
        json!({"type": "open", "timestamp": "2026-01-15T10:30:00Z", "message_id": "<m1>",
               "email": "Ada <ada@example.net>", "ip": "192.0.2.1"}),
    ] {
        let event = read(Provider::Posthawk, &body);
        assert_eq!(event.kind, Some(Kind::Opened), "{body}");
        assert_eq!(event.message.id.as_deref(), Some("m1"), "{body}");
        assert_eq!(event.recipient.as_deref(), Some("ada@example.net"), "{body}");
        assert_eq!(event.reader.ip.as_deref(), Some("192.0.2.1"), "{body}");
        assert_eq!(event.time.unwrap().to_string(), "2026-01-15T10:30:00Z", "{body}");
    }
}

#[test]
fn an_event_about_several_recipients_keeps_the_others_as_a_loss() {
    let body = json!({"event": "bounce", "event_data": {"bounce": {"bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "ada@example.net"}, {"emailAddress": "bob@example.net"}]}}});
    let event = read(Provider::Posthawk, &body);
    assert_eq!(event.recipient.as_deref(), Some("ada@example.net"));
    let rendered = render(Dialect::Wistfare, &event, &Context::default()).unwrap();
    assert_eq!(rendered.lost, ["posthawk:event_data.bounce.bouncedRecipients"]);
}

#[test]
fn mailstack_events_come_by_name_by_number_and_as_the_api_shows_them() {
    for (body, kind) in [
        (json!({"type": "DeliveryDelay"}), Some(Kind::Deferred)),
        (json!({"type": 7}), Some(Kind::Deferred)),
        (json!({"type": "7"}), Some(Kind::Deferred)),
        (json!({"type": "email.bounced"}), None),
        (json!({"type": 8}), None),
    ] {
        assert_eq!(read(Provider::MailStack, &body).kind, kind, "{body}");
    }
    let record = json!({"id": "e1", "type": 4, "occurredAt": "2026-01-15T10:30:00Z",
        "metadata": {"userAgent": "curl/8"}});
    let event = read(Provider::MailStack, &record);
    assert_eq!(event.reader.user_agent.as_deref(), Some("curl/8"));
    assert!(event.time.is_some() && event.rest.is_empty());
}

#[test]
fn wistfare_says_when_and_to_whom_in_two_ways() {
    for body in [
        json!({"type": "email.sent", "createdAt": "2026-01-15T10:30:00Z", "data": {"to": "ada@example.net"}}),
        json!({"type": "email.sent", "timestamp": "2026-01-15T10:30:00Z", "data": {"to": ["ada@example.net"]}}),
    ] {
        let event = read(Provider::Wistfare, &body);
        assert_eq!(event.recipient.as_deref(), Some("ada@example.net"));
        assert_eq!(event.time.unwrap().to_string(), "2026-01-15T10:30:00Z");
        assert!(event.rest.is_empty(), "{:?}", event.rest);
    }
    let several =
        json!({"type": "email.sent", "data": {"to": ["Ada <ada@example.net>", "bob@example.net"]}});
    let event = read(Provider::Wistfare, &several);
    assert_eq!(event.recipient.as_deref(), Some("ada@example.net"));
    assert_eq!(left_over(&event), ["data.to"]);
}

#[test]
fn an_unknown_name_is_kept_and_goes_nowhere_but_home() {
    for (dialect, body) in [
        (Dialect::Mailgun, r#"{"event-data":{"event":"list_uploaded","id":"x"}}"#),
        (Dialect::Posthawk, r#"{"event":"newsletter.subscriber.unsubscribed","id":"x"}"#),
        (Dialect::MailStack, r#"{"type":"Snoozed","id":"x"}"#),
        (Dialect::Wistfare, r#"{"type":"webhook.test","id":"x"}"#),
        (Dialect::MailingApi, r#"{"type":"list_cleaned","id":"x"}"#),
    ] {
        let outline = outline(dialect.provider(), body.as_bytes()).unwrap();
        assert_eq!((outline.kind, outline.id.as_deref()), (None, Some("x")));
        for to in Dialect::ALL {
            let rendered = translate(dialect.provider(), body.as_bytes(), to, &Context::default());
            assert_eq!(rendered.is_ok(), to == dialect, "{dialect} {to}");
            if let Ok(rendered) = rendered {
                assert_eq!(rendered.name, outline.name);
            }
        }
        let event = parse(dialect.provider(), body.as_bytes()).unwrap();
        let home = render(dialect, &event, &Context::default()).unwrap();
        assert_eq!(parse(dialect.provider(), &home.body).unwrap().name, outline.name);
    }
}

#[test]
fn a_soft_bounce_is_final_unless_the_receiver_wants_it_otherwise() {
    let body = json!({"type": "bounced", "id": "e1", "data": {"bounce_type": "soft", "to": "ada@example.net"}});
    let event = read(Provider::MailingApi, &body);
    let naive = TranslateOptions { soft_bounce_as_temporary: true, ..TranslateOptions::default() };
    for (to, shown) in [
        (Dialect::Mailgun, Kind::Deferred),
        (Dialect::Posthawk, Kind::Deferred),
        (Dialect::MailStack, Kind::Deferred),
        (Dialect::Wistfare, Kind::Bounced),
    ] {
        assert_eq!(shown_as(to, &event, TranslateOptions::default()), Some(Kind::Bounced));
        assert_eq!(shown_as(to, &event, naive), Some(shown), "{to}");
        let rendered = render_with(to, &event, &Context::default(), naive).unwrap();
        assert_eq!(parse(to.provider(), &rendered.body).unwrap().kind, Some(shown), "{to}");
        assert_eq!(rendered.lost.contains(&"kind".to_owned()), shown != Kind::Bounced, "{to}");
    }
}

#[test]
fn a_payload_without_id_and_time_gets_the_gateways() {
    let context = Context {
        event_id: "evt_of_the_gateway".to_owned(),
        received_at_ms: 1_768_473_000_250,
        ..Context::default()
    };
    let body = br#"{"event":"open","email":"ada@example.net"}"#;
    let wistfare = translate(Provider::Posthawk, body, Dialect::Wistfare, &context).unwrap();
    let event = parse(Provider::Wistfare, &wistfare.body).unwrap();
    assert_eq!(event.id.as_deref(), Some("evt_of_the_gateway"));
    assert_eq!(event.time.unwrap().to_string(), "2026-01-15T10:30:00.250Z");

    let mailgun = |id: &str| {
        let context = Context { event_id: id.to_owned(), ..context.clone() };
        let rendered = translate(Provider::Posthawk, body, Dialect::Mailgun, &context).unwrap();
        parse(Provider::Mailgun, &rendered.body).unwrap().id.unwrap()
    };
    assert_eq!(mailgun("evt_1").len(), 22);
    assert_eq!(mailgun("evt_1"), mailgun("evt_1"));
    assert_ne!(mailgun("evt_1"), mailgun("evt_2"));
    assert_eq!(mailgun("CCXMjJ7nQi2N3BPigGOdgQ"), "CCXMjJ7nQi2N3BPigGOdgQ");
}
