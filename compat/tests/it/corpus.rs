//! Mailgun's own payloads, where `WAYPOST_CORPUS` names a folder of recordings.

use std::path::{Path, PathBuf};

use serde_json::Value;
use waypost_compat::translate::Context;
use waypost_compat::{Dialect, Kind, Provider, outline, parse, translate};

/// The recorded events of the Events API and of webhooks; the legacy forms are another format.
fn recordings(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for set in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let name = set.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("mailgun-") && !name.contains("legacy") && set.is_dir() {
            files.extend(set.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.sort();
    files
}

fn expected(event: &str, severity: Option<&str>) -> Option<Kind> {
    match (event, severity) {
        ("accepted", _) => Some(Kind::Accepted),
        ("delivered", _) => Some(Kind::Delivered),
        ("failed", Some("temporary")) => Some(Kind::Deferred),
        ("failed", _) => Some(Kind::Bounced),
        ("opened", _) => Some(Kind::Opened),
        ("clicked", _) => Some(Kind::Clicked),
        ("unsubscribed", _) => Some(Kind::Unsubscribed),
        ("complained", _) => Some(Kind::Complained),
        ("rejected", _) => Some(Kind::Rejected),
        ("stored", _) => Some(Kind::Stored),
        _ => None,
    }
}

#[test]
fn recorded_mailgun_events_are_understood_and_forwarded_whole() {
    let Some(folder) = std::env::var_os("WAYPOST_CORPUS") else { return };
    let files = recordings(Path::new(&folder));
    assert!(!files.is_empty(), "no recordings in {}", folder.display());
    for file in files {
        let body = std::fs::read(&file).unwrap();
        let whole: Value = serde_json::from_slice(&body).unwrap();
        let data = whole.get("event-data").unwrap_or(&whole);
        let at = file.display();

        let event = parse(Provider::Mailgun, &body).unwrap();
        let kind = expected(data["event"].as_str().unwrap(), data["severity"].as_str());
        assert_eq!(event.kind, kind, "{at}");
        let outline = outline(Provider::Mailgun, &body).unwrap();
        assert_eq!(outline, event.outline(), "{at}");
        assert_eq!(outline.id.as_deref(), data["id"].as_str(), "{at}");
        assert_eq!(outline.recipient.as_deref(), data["recipient"].as_str(), "{at}");

        let forwarded =
            translate(Provider::Mailgun, &body, Dialect::Mailgun, &Context::default()).unwrap();
        assert_eq!(&serde_json::from_slice::<Value>(&forwarded.body).unwrap(), data, "{at}");
        let raw = String::from_utf8(forwarded.body).unwrap();
        assert!(String::from_utf8(body).unwrap().contains(&raw), "{at}");

        let unknown: Vec<_> = event.rest.iter().map(|part| part.path.join(".")).collect();
        for to in [Dialect::Posthawk, Dialect::MailStack, Dialect::Wistfare, Dialect::MailingApi] {
            let rendered = translate(Provider::Mailgun, raw.as_bytes(), to, &Context::default());
            let Ok(rendered) = rendered else { continue };
            let undocumented: Vec<_> =
                rendered.lost.iter().filter(|lost| lost.starts_with("unknown:")).collect();
            assert!(undocumented.is_empty(), "{at}: {undocumented:?} of {unknown:?}");
        }
    }
}
