//! The laws of the mapping, for any event and any of the 5 × 5 pairs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use waypost_compat::matrix::Mode;
use waypost_compat::translate::{Context, TranslateError, TranslateOptions, render_with};
use waypost_compat::{Dialect, Event, outline, parse, render, translate};

use crate::{arbitrary, javascript};

/// What a rendering may say that the event did not: what the target's receivers cannot do without
/// (`spec/mailgun-events.md` §1.6), the `reason` that tells what is folded into a bounce, and SES's
/// word for a bounce of unknown class.
const ADDED: [&str; 9] = [
    "bounce-class",
    "description",
    "event-id",
    "reason",
    "recipient",
    "smtp-code",
    "smtp-enhanced-code",
    "smtp-text",
    "time",
];

fn context() -> Context {
    Context {
        domain: "mail.example.com".to_owned(),
        account: "5f0c1a2b3c4d5e6f70819203".to_owned(),
        event_id: "evt_of_the_gateway".to_owned(),
        received_at_ms: 1_768_473_000_000,
    }
}

/// The fields that an event has, under the names that losses go by.
fn fields(event: &Event) -> BTreeMap<&'static str, String> {
    let (message, report, reader) = (&event.message, &event.report, &event.reader);
    let text = |field: &Option<String>| field.clone();
    let mut fields = BTreeMap::new();
    let all = [
        ("event-id", text(&event.id)),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("time", event.time.map(|time| time.to_string())),
        ("recipient", text(&event.recipient)),
        ("message-id", text(&message.id)),
        ("from", text(&message.from)),
        ("to", text(&message.to)),
        ("subject", text(&message.subject)),
        ("sender", text(&message.sender)),
        ("smtp-code", report.code.map(|code| code.to_string())),
        ("smtp-enhanced-code", text(&report.enhanced_code)),
        ("smtp-text", text(&report.text)),
        ("description", text(&report.description)),
        ("attempt", report.attempt.map(|attempt| attempt.to_string())),
        ("retry-after", report.retry_after_s.map(|seconds| seconds.to_string())),
        ("bounce-class", report.class.map(|class| format!("{class:?}"))),
        ("bounce-subtype", text(&report.subtype)),
        ("reason", text(&report.reason)),
        ("url", text(&reader.url)),
        ("ip", text(&reader.ip)),
        ("user-agent", text(&reader.user_agent)),
        ("feedback-type", text(&event.feedback_type)),
        ("tags", Some(event.tags.join("\0")).filter(|_| !event.tags.is_empty())),
    ];
    fields.extend(all.into_iter().filter_map(|(name, value)| Some((name, value?))));
    fields
}

fn check_losses(event: &Event, reread: &Event, lost: &[String]) -> Result<(), TestCaseError> {
    let says = |name: &str| lost.iter().any(|lost| lost == name);
    let (had, has) = (fields(event), fields(reread));
    for (name, value) in &had {
        prop_assert_eq!(
            has.get(name) != Some(value),
            says(name),
            "{}: {} in {:?}",
            name,
            value,
            lost
        );
    }
    for name in has.keys().filter(|name| !had.contains_key(*name)) {
        prop_assert!(ADDED.contains(name), "{} was made up: {:?}", name, has[name]);
    }
    let pairs = |a: &Event| -> Vec<(&str, Vec<Option<String>>)> {
        let (client, place) = (a.reader.client.clone(), a.reader.place.clone());
        vec![
            ("client-info", vec![client.kind, client.os, client.device, client.name]),
            ("geolocation", vec![place.country, place.region, place.city, place.timezone]),
        ]
    };
    for ((name, had), (_, has)) in pairs(event).into_iter().zip(pairs(reread)) {
        let kept = had.iter().zip(&has).all(|(had, has)| had.is_none() || had == has);
        prop_assert_eq!(!kept, says(name), "{}: {:?} became {:?}", name, had, has);
    }
    let kept = event
        .user_variables
        .iter()
        .all(|(key, value)| reread.user_variables.get(key) == Some(value));
    prop_assert_eq!(!kept, says("user-variables") || says("user-variable-types"));
    for part in event.rest.iter().filter(|part| !reread.rest.contains(part)) {
        let path = format!(":{}", part.path.join("."));
        prop_assert!(
            lost.iter().any(|lost| lost.ends_with(&path)),
            "{} is not in {:?}",
            path,
            lost
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_reads_back_as_it_was_less_what_is_listed_as_lost(
        event in arbitrary::event(), to in arbitrary::dialect(), lenient: bool, soft: bool,
    ) {
        let options = TranslateOptions {
            mode: if lenient { Mode::Lenient } else { Mode::Strict },
            soft_bounce_as_temporary: soft,
        };
        let rendered = match render_with(to, &event, &context(), options) {
            Ok(rendered) => rendered,
            Err(TranslateError::Impossible { .. }) => {
                prop_assert!(event.provider != to.provider());
                prop_assert_eq!(to.delivered_as(event.kind.unwrap()), None);
                return Ok(());
            }
            Err(TranslateError::Parse(error)) => return Err(TestCaseError::fail(error.to_string())),
        };
        let reread = parse(to.provider(), &rendered.body).unwrap();
        check_losses(&event, &reread, &rendered.lost)?;
        prop_assert_eq!(outline(to.provider(), &rendered.body).unwrap(), reread.outline());

        let mut once = rendered.lost.clone();
        once.sort_unstable();
        once.dedup();
        prop_assert_eq!(once.len(), rendered.lost.len(), "a loss is listed twice: {:?}", rendered.lost);
        let again = render_with(to, &event, &context(), options).unwrap();
        prop_assert_eq!(again, rendered, "equal input gave different bytes");
    }

    #[test]
    fn four_of_the_bodies_are_what_javascript_would_write_again(
        event in arbitrary::event(), to in arbitrary::dialect(),
    ) {
        let Ok(rendered) = render(to, &event, &context()) else { return Ok(()) };
        let body: Value = serde_json::from_slice(&rendered.body).unwrap();
        if to == Dialect::Mailgun {
            prop_assert!(body["timestamp"].is_f64());
        } else {
            prop_assert_eq!(javascript::stringify(&body), String::from_utf8(rendered.body).unwrap());
        }
    }

    #[test]
    fn from_a_dialect_to_itself_every_byte_is_kept(
        event in arbitrary::event(), to in arbitrary::dialect(), signed: bool,
    ) {
        let Ok(rendered) = render(to, &event, &context()) else { return Ok(()) };
        let mut body = rendered.body.clone();
        if to == Dialect::Mailgun && signed {
            body = [b"{\"signature\":{\"token\":\"}\"},\"event-data\": ".as_slice(), &body, b" }"].concat();
        }
        let forwarded = translate(to.provider(), &body, to, &context()).unwrap();
        prop_assert_eq!(forwarded.body, rendered.body);
        prop_assert!(forwarded.lost.is_empty());
    }

    #[test]
    fn what_was_rendered_once_loses_nothing_on_the_way_through_its_own_dialect(
        event in arbitrary::event(), to in arbitrary::dialect(),
    ) {
        let Ok(rendered) = render(to, &event, &context()) else { return Ok(()) };
        let read = parse(to.provider(), &rendered.body).unwrap();
        let again = render(to, &read, &context()).unwrap();
        let lost: Vec<_> = again.lost.iter().filter(|lost| !lost.starts_with("unknown:")).collect();
        prop_assert!(lost.is_empty(), "{:?} of {}", lost, String::from_utf8_lossy(&rendered.body));
    }
}
