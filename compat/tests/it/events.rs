//! The folder of events is the test: every file reads as the kind of its folder, and every file
//! translated into every other dialect is on file too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use waypost_compat::translate::{Context, Options, TranslateError, rendering, translate_with};
use waypost_compat::{Dialect, Kind, mailgun, outline, parse, translate};

use crate::{golden, javascript};

/// One file: `bounced_soft/posthawk.json` is a bounce, of the variety `soft`.
struct Sample {
    folder: String,
    kind: Kind,
    dialect: Dialect,
    body: Vec<u8>,
    translated: PathBuf,
}

fn context() -> Context {
    Context {
        domain: "mail.example.com".to_owned(),
        account: "5f0c1a2b3c4d5e6f70819203".to_owned(),
        event_id: "evt_of_the_gateway".to_owned(),
        received_at_ms: 1_768_473_600_000,
    }
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let root = golden::fixtures().join("events");
    for folder in root.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let kind = name.split('_').next().unwrap().parse().unwrap();
        for dialect in Dialect::ALL {
            let Ok(body) = std::fs::read(folder.join(format!("{dialect}.json"))) else { continue };
            let translated = folder.join(format!("translated/{dialect}.json"));
            samples.push(Sample { folder: name.clone(), kind, dialect, body, translated });
        }
    }
    samples.sort_by_key(|sample| (sample.kind, sample.folder.clone(), sample.dialect));
    samples
}

fn others(dialect: Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.into_iter().filter(move |to| *to != dialect)
}

#[test]
fn every_kind_has_a_sample_in_every_dialect_that_has_it() {
    let there: BTreeSet<_> = samples().iter().map(|sample| (sample.kind, sample.dialect)).collect();
    for kind in Kind::ALL {
        for dialect in Dialect::ALL {
            // Mailgun's own internal failures look like bounces.
            let has = match (dialect, kind) {
                (Dialect::Mailgun, _) => mailgun::event(kind).is_some(),
                _ => dialect.delivered_as(kind).is_some(),
            };
            assert_eq!(there.contains(&(kind, dialect)), has, "{kind} in {dialect}");
        }
    }
}

#[test]
fn every_sample_reads_as_the_kind_of_its_folder() {
    for sample in samples() {
        let at = format!("{}/{}", sample.folder, sample.dialect);
        let event = parse(sample.dialect.provider(), &sample.body).unwrap();
        assert_eq!(event.kind, Some(sample.kind), "{at}");
        let outline = outline(sample.dialect.provider(), &sample.body).unwrap();
        assert_eq!(outline, event.outline(), "{at}");
        assert!(outline.id.is_some() && outline.occurred_at_ms.is_some(), "{at}");
        assert!(outline.message_id.is_some(), "{at}");
        // Mailgun's rejected and stored events are about a message, not about a recipient.
        assert_eq!(
            outline.recipient.is_none(),
            sample.dialect == Dialect::Mailgun
                && matches!(sample.kind, Kind::Rejected | Kind::Stored),
            "{at}"
        );
    }
}

#[test]
fn an_event_that_is_parsed_already_translates_as_its_body_does() {
    let soft = Options { soft_bounce_as_temporary: true, ..Options::default() };
    for sample in samples() {
        let from = sample.dialect.provider();
        let event = parse(from, &sample.body).unwrap();
        for (to, options) in
            Dialect::ALL.into_iter().flat_map(|to| [(to, Options::default()), (to, soft)])
        {
            let once = rendering(&event, &sample.body, to, &context(), options);
            assert_eq!(once, translate_with(from, &sample.body, to, &context(), options));
        }
    }
}

#[test]
fn every_sample_names_its_domain_itself_or_by_an_address() {
    for sample in samples() {
        let at = format!("{}/{}", sample.folder, sample.dialect);
        let outline = outline(sample.dialect.provider(), &sample.body).unwrap();
        assert_eq!(outline.domain.as_deref(), Some("mail.example.com"), "{at}");
    }
}

#[test]
fn every_sample_is_forwarded_in_its_own_dialect_as_it_is() {
    for sample in samples() {
        let rendered =
            translate(sample.dialect.provider(), &sample.body, sample.dialect, &context()).unwrap();
        let text = String::from_utf8(sample.body).unwrap();
        let forwarded = String::from_utf8(rendered.body).unwrap();
        if sample.dialect == Dialect::Mailgun {
            let data = text.split_once("\"event-data\": ").unwrap().1;
            assert_eq!(forwarded, data.trim_end().strip_suffix('}').unwrap().trim_end());
        } else {
            // The files have line breaks for people, which JavaScript would not write.
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(forwarded, javascript::stringify(&body));
            assert!(rendered.lost.is_empty(), "{:?}", rendered.lost);
        }
    }
}

#[test]
fn every_translation_is_on_file() {
    for sample in samples() {
        let mut translations = BTreeMap::new();
        for to in others(sample.dialect) {
            let translation =
                match translate(sample.dialect.provider(), &sample.body, to, &context()) {
                    Ok(rendered) => {
                        let body: Value = serde_json::from_slice(&rendered.body).unwrap();
                        if to != Dialect::Mailgun {
                            let text = String::from_utf8(rendered.body).unwrap();
                            assert_eq!(javascript::stringify(&body), text);
                        }
                        json!({ "lost": rendered.lost, "body": body })
                    }
                    Err(error @ TranslateError::Impossible { .. }) => {
                        json!({ "impossible": error.to_string() })
                    }
                    Err(error @ TranslateError::Parse(_)) => panic!("{error}"),
                };
            translations.insert(to.as_str(), translation);
        }
        let text = serde_json::to_string_pretty(&translations).unwrap();
        golden::check(&sample.translated, &format!("{text}\n"));
    }
}

#[test]
fn what_translations_lose_is_on_file() {
    let mut table = String::from(
        "# What is lost from dialect to dialect\n\nWritten by a test from `fixtures/events`: for each \
         sample, the fields that do not come through. `mailgun:…` and its like are documented fields \
         that only that dialect has.\n",
    );
    for from in Dialect::ALL {
        writeln!(table, "\n## From {from}\n").unwrap();
        for sample in samples().into_iter().filter(|sample| sample.dialect == from) {
            writeln!(table, "- **{}**", sample.folder).unwrap();
            let lost = others(from)
                .map(|to| (to, translate(from.provider(), &sample.body, to, &context())));
            let lost: Vec<_> =
                lost.map(|(to, rendered)| (to, rendered.map(|it| it.lost))).collect();
            let own: BTreeSet<_> =
                lost.iter().flat_map(|(_, lost)| lost.iter().flatten()).collect();
            let own: Vec<_> = own.into_iter().filter(|lost| lost.contains(':')).cloned().collect();
            for (to, lost) in &lost {
                let Ok(lost) = lost else {
                    writeln!(table, "  - {to}: ✗").unwrap();
                    continue;
                };
                assert_eq!(lost.iter().filter(|lost| lost.contains(':')).count(), own.len());
                let lost: Vec<_> =
                    lost.iter().filter(|lost| !lost.contains(':')).cloned().collect();
                writeln!(
                    table,
                    "  - {to}: {}",
                    if lost.is_empty() { "nothing".into() } else { lost.join(", ") }
                )
                .unwrap();
            }
            if !own.is_empty() {
                writeln!(table, "  - all of them: {}", own.join(", ")).unwrap();
            }
        }
    }
    golden::check(&golden::fixtures().join("tables/losses.md"), &table);
}
