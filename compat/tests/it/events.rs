//! The folder of events is the test: every file reads as the kind of its folder by the provider
//! whose name it has, and every file translated into every other dialect is on file too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use waypost_compat::translate::{
    Context, TranslateError, TranslateOptions, rendering, translate_with,
};
use waypost_compat::{Dialect, Kind, Provider, outline, parse, translate};

use crate::{golden, javascript};

/// One file: `bounced_soft/posthawk.json` is a bounce, of the variety `soft`.
struct Sample {
    folder: String,
    kind: Kind,
    provider: Provider,
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

/// The JSON files of a folder by the provider whose name each has.
fn by_provider(folder: &Path) -> BTreeMap<Provider, PathBuf> {
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let known = Provider::ALL.into_iter().find(|provider| provider.as_str() == stem);
        (known.unwrap_or_else(|| panic!("{}: no provider's name", path.display())), path)
    };
    files.filter(|path| path.extension().is_some_and(|it| it == "json")).map(named).collect()
}

fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    let root = golden::fixtures().join("events");
    for folder in root.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let kind = name.split('_').next().unwrap().parse().unwrap();
        for (provider, path) in by_provider(&folder) {
            let body = std::fs::read(path).unwrap();
            let translated = folder.join(format!("translated/{provider}.json"));
            samples.push(Sample { folder: name.clone(), kind, provider, body, translated });
        }
    }
    samples.sort_by_key(|sample| (sample.kind, sample.folder.clone(), sample.provider));
    samples
}

/// The dialects that an event of a provider has to be translated for.
fn others(from: Provider) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.into_iter().filter(move |to| to.provider() != from)
}

#[test]
fn every_kind_has_a_sample_of_every_provider_that_has_it() {
    let there: BTreeSet<_> =
        samples().iter().map(|sample| (sample.kind, sample.provider)).collect();
    for kind in Kind::ALL {
        for provider in Provider::ALL {
            let has = provider.kinds().contains(&kind);
            assert_eq!(there.contains(&(kind, provider)), has, "{kind} by {provider}");
        }
    }
}

#[test]
fn every_translation_on_file_is_one_of_a_sample() {
    let root = golden::fixtures().join("events");
    for folder in root.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let (there, samples) = (by_provider(&folder.join("translated")), by_provider(&folder));
        assert!(there.keys().eq(samples.keys()), "{}: {there:?}", folder.display());
    }
}

#[test]
fn every_sample_reads_as_the_kind_of_its_folder() {
    for sample in samples() {
        let at = format!("{}/{}", sample.folder, sample.provider);
        let event = parse(sample.provider, &sample.body).unwrap();
        assert_eq!(event.kind, Some(sample.kind), "{at}");
        let outline = outline(sample.provider, &sample.body).unwrap();
        assert_eq!(outline, event.outline(), "{at}");
        assert!(outline.occurred_at_ms.is_some(), "{at}");
        // What a dialect's payloads must say, providers that are only read may leave out.
        let spoken = sample.provider.dialect().is_some();
        assert!(outline.id.is_some() || !spoken, "{at}");
        assert!(outline.message_id.is_some() || !spoken, "{at}");
        // Mailgun's rejected and stored events are about a message, not about a recipient.
        assert_eq!(
            outline.recipient.is_none(),
            sample.provider == Provider::Mailgun
                && matches!(sample.kind, Kind::Rejected | Kind::Stored),
            "{at}"
        );
    }
}

#[test]
fn an_event_that_is_parsed_already_translates_as_its_body_does() {
    let soft = TranslateOptions { soft_bounce_as_temporary: true, ..TranslateOptions::default() };
    for sample in samples() {
        let from = sample.provider;
        let event = parse(from, &sample.body).unwrap();
        for (to, options) in
            Dialect::ALL.into_iter().flat_map(|to| [(to, TranslateOptions::default()), (to, soft)])
        {
            let once = rendering(&event, &sample.body, to, &context(), options);
            assert_eq!(once, translate_with(from, &sample.body, to, &context(), options));
        }
    }
}

#[test]
fn every_sample_names_its_domain_itself_or_by_an_address_where_it_has_one() {
    for sample in samples() {
        let at = format!("{}/{}", sample.folder, sample.provider);
        let outline = outline(sample.provider, &sample.body).unwrap();
        let silent = outline.domain.is_none() && sample.provider.dialect().is_none();
        assert!(silent || outline.domain.as_deref() == Some("mail.example.com"), "{at}");
    }
}

#[test]
fn every_sample_is_forwarded_in_its_own_dialect_as_it_is() {
    for sample in samples() {
        let Some(own) = sample.provider.dialect() else { continue };
        let rendered = translate(sample.provider, &sample.body, own, &context()).unwrap();
        let text = String::from_utf8(sample.body).unwrap();
        let forwarded = String::from_utf8(rendered.body).unwrap();
        if own == Dialect::Mailgun {
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
        for to in others(sample.provider) {
            let translation = match translate(sample.provider, &sample.body, to, &context()) {
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
    for from in Provider::ALL {
        writeln!(table, "\n## From {from}\n").unwrap();
        for sample in samples().into_iter().filter(|sample| sample.provider == from) {
            writeln!(table, "- **{}**", sample.folder).unwrap();
            let lost = others(from).map(|to| (to, translate(from, &sample.body, to, &context())));
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
