//! Events of every kind with anything in any field.

use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use waypost_compat::event::{Class, Client, Message, Moment, Place, Reader, Report, Rest};
use waypost_compat::{Dialect, Event, Kind, mailgun};

pub(crate) fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

/// Any text, and the texts that mean something somewhere.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 .@-]{1,12}",
        2 => any::<String>(),
        1 => prop::sample::select(vec![
            "", "550 5.1.1 no", "smtp; 421-try later", "250", "Unknown", "unknown", "General",
            "OnAccountSuppressionList", "Suppressed", "MailboxFull", "suppress-unsubscribe", "old", "generic",
            "bounce", "<a@example.com>", "Ada <ada@example.com>", "ada@example.com", "OK", "\u{2028}/\"\\\u{7f}",
            "sender@example.com", "evt_1", "0123456789abcdefABCD-_", "5.1.1", "4.2.2 later",
        ])
        .prop_map(str::to_owned),
    ]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    option::of(text())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,5}",
        1 => "[0-9]{1,11}",
        1 => any::<String>(),
        1 => prop::sample::select(vec!["tags", "ses:x", "url", "bounceType", "smtpResponse", "userAgent"])
            .prop_map(str::to_owned),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1000_i32..1000).prop_map(Value::from),
            any::<f64>()
                .prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::Number)),
            (-4_i32..4).prop_map(
                |float| Number::from_f64(f64::from(float)).map_or(Value::Null, Value::Number)
            ),
            text().prop_map(Value::from),
        ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(text(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn message() -> impl Strategy<Value = Message> {
    (maybe(), maybe(), maybe(), maybe(), maybe())
        .prop_map(|(id, from, to, subject, sender)| Message { id, from, to, subject, sender })
}

fn report() -> impl Strategy<Value = Report> {
    let classes = vec![Class::Hard, Class::Soft, Class::Undetermined, Class::Suppressed];
    let words = (maybe(), maybe(), maybe(), maybe(), maybe());
    let numbers = (option::of(0_u16..1200), option::of(any::<u64>()), option::of(0_u64..100_000));
    (words, numbers, option::of(prop::sample::select(classes))).prop_map(
        |(
            (enhanced_code, text, description, subtype, reason),
            (code, attempt, retry_after_s),
            class,
        )| Report {
            code,
            enhanced_code,
            text,
            description,
            attempt,
            retry_after_s,
            class,
            subtype,
            reason,
        },
    )
}

fn reader() -> impl Strategy<Value = Reader> {
    let client = (maybe(), maybe(), maybe(), maybe()).prop_map(|(kind, os, device, name)| Client {
        kind,
        os,
        device,
        name,
    });
    let place = (maybe(), maybe(), maybe(), maybe())
        .prop_map(|(country, region, city, timezone)| Place { country, region, city, timezone });
    (maybe(), maybe(), maybe(), client, place).prop_map(|(url, ip, user_agent, client, place)| {
        Reader { url, ip, user_agent, client, place }
    })
}

/// Parts that no dialect understands, which is what makes them a rest.
fn rest() -> impl Strategy<Value = Rest> {
    (prop::collection::vec(key(), 1..3), json()).prop_map(|(mut path, value)| {
        path[0].insert_str(0, "x-");
        Rest { path, value }
    })
}

/// What the source would have written.
fn source_name(dialect: Dialect, kind: Kind) -> &'static str {
    let name = match dialect {
        Dialect::Mailgun => mailgun::event(kind).map(|(event, ..)| event),
        _ => dialect.delivered_as(kind),
    };
    name.unwrap_or("a novelty")
}

/// An event of some kind, from some dialect, with the fields of any.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let head = (dialect(), prop::sample::select(Kind::ALL.to_vec()), maybe(), maybe(), maybe());
    let time = option::of((0_i64..4_000_000_000_000_000).prop_map(Moment::from_micros));
    let labels = prop::collection::vec(text(), 0..3);
    let data = prop::collection::vec((key(), json()), 0..4);
    let parts = (message(), report(), reader(), prop::collection::vec(rest(), 0..2));
    (head, time, labels, data, parts).prop_map(
        |((dialect, kind, id, recipient, feedback_type), time, tags, data, parts)| {
            let mut event = Event::new(dialect.provider(), Some(kind), source_name(dialect, kind));
            (event.id, event.recipient, event.feedback_type) = (id, recipient, feedback_type);
            (event.time, event.tags) = (time.flatten(), tags);
            event.user_variables = data.into_iter().collect();
            (event.message, event.report, event.reader, event.rest) = parts;
            event
        },
    )
}
