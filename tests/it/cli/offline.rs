//! The verbs that need no server, and what is told of mistakes.

use tempfile::TempDir;
use waypost_compat::Dialect;

use super::{assert_refused, run, run_with, waypost};

const SECRET: &str = "whsec_00112233445566778899aabbccddeeff0011223344556677";

/// The body of the check vectors of `spec/providers.md` §3.3.
const BODY: &str = r#"{"id":"evt_0011","type":"delivered","timestamp":"2024-01-15T10:30:00Z","data":{"message_id":"msg_1","to":"user@example.com"}}"#;

#[test]
fn help_is_an_answer_and_no_arguments_are_a_mistake() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("Examples:") && help.err.is_empty());
    let nothing = run(&[]);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("Usage: waypost <COMMAND>"), "{}", nothing.err);
}

#[test]
fn what_cannot_be_meant_is_told_in_one_line() {
    for (arguments, words) in [
        (&["serve", "--lisen", "x"][..], &["--lisen", "'--listen'"][..]),
        (&["serve", "--listen", "nowhere"], &["--listen", "nowhere"]),
        (&["serve", "--allow-target", "10.0.0.0/99"], &["--allow-target", "10.0.0.0/8"]),
        (&["serve", "--public-url", "example.com"], &["--public-url", "https://"]),
        (&["serve", "--retry-schedule", "10m,soon"], &["--retry-schedule", "soon"]),
        (&["source", "add", "example.com", "sendmail"], &["sendmail", "`posthawk`"]),
        (&["source", "add", "mailgun"], &["<DOMAIN>"]),
        (&["source", "add", "--all-domains", "a.example", "mailgun"], &["--all-domains"]),
        (&["source", "add", "a.example", "mailgun", "--serves", "me"], &["`account`", "me"]),
        (&["source", "set", "src_1"], &["--serves"]),
        (&["delivery", "list"], &["--api-key", "WAYPOST_API_KEY"]),
        (&["delivery", "list", "--api-key", "k", "--url", "ftp://x"], &["--url", "ftp://x"]),
        (&["webhook", "add", "example.com", "opened"], &["<URL>"]),
        (&["fly"], &["fly"]),
    ] {
        assert_refused(&run(arguments), 2, words);
    }
}

#[test]
fn a_key_that_cannot_be_one_is_not_repeated() {
    let data = TempDir::new().unwrap();
    let data = data.path().to_str().unwrap();
    let ran = run(&["serve", "--listen", "127.0.0.1:0", "--data", data, "--api-key", "tiny key"]);
    assert_refused(&ran, 2, &["WAYPOST_API_KEY", "8 to 256"]);
    assert!(!ran.err.contains("tiny"), "{}", ran.err);
}

#[test]
fn a_server_that_is_not_there_is_told_with_its_address() {
    // Nothing listens on port 1 of loopback.
    let ran = run(&["domain", "list", "--url", "http://127.0.0.1:1", "--api-key", "k"]);
    assert_refused(&ran, 6, &["http://127.0.0.1:1", "waypost serve"]);
}

#[test]
fn a_mistake_in_the_configuration_file_is_told_with_its_key() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("waypost.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisen = 1\n").unwrap();
    let file = file.to_str().unwrap();
    assert_refused(&run(&["serve", "--config", file]), 2, &["waypost.toml", "`lisen`"]);
    let missing = folder.path().join("none.toml");
    let missing = missing.to_str().unwrap();
    assert_refused(&run(&["serve", "--config", missing]), 2, &["none.toml", "cannot read"]);
}

#[test]
fn signatures_are_those_of_the_vectors() {
    let signed = run_with(
        &["sign", "--dialect", "mailingapi", "--secret", SECRET, "--timestamp", "1705315800"],
        BODY.as_bytes(),
    );
    let expected = "X-MailingAPI-Signature: t=1705315800,\
                    v1=f705be4059f9e758e51ecf5b4b4f5cb25e4ce3982cca9687cc80d0df6f170b31";
    let (headers, body) = signed.out.split_once("\n\n").unwrap();
    assert!(headers.lines().any(|line| line == expected), "{headers}");
    assert_eq!(body, BODY);
}

#[test]
fn what_sign_signs_verify_accepts_in_every_dialect() {
    let folder = TempDir::new().unwrap();
    for dialect in Dialect::ALL.map(Dialect::as_str) {
        let headers = folder.path().join(dialect);
        let headers_to = headers.to_str().unwrap();
        let sign = ["sign", "--dialect", dialect, "--secret", SECRET, "--headers-to", headers_to];
        let signed = run_with(&sign, br#"{"event":"delivered","id":"1"}"#);
        assert_eq!(signed.code, Some(0), "{dialect}: {}", signed.err);

        let headers = std::fs::read_to_string(headers).unwrap();
        let mut verify = vec!["verify", "--dialect", dialect, "--tolerance", "5m"];
        verify.extend(headers.lines().flat_map(|header| ["--header", header]));
        let with = |secret| [&verify[..], &["--secret", secret]].concat();
        let good = run_with(&with(SECRET), signed.out.as_bytes());
        assert!(good.out.starts_with("good"), "{dialect}: {}", good.err);
        let bad = run_with(&with("whsec_another"), signed.out.as_bytes());
        assert_refused(&bad, 1, &[dialect]);
    }
}

#[test]
fn a_bad_signature_is_explained_by_what_would_make_it_good() {
    let time = "t=1705315800,v1=f705be4059f9e758e51ecf5b4b4f5cb25e4ce3982cca9687cc80d0df6f170b31";
    let header = format!("X-MailingAPI-Signature: {time}");
    let verify = |dialect, secret, body: &str| {
        let verb = ["verify", "--dialect", dialect, "--secret", secret, "--header", &header];
        run_with(&verb, body.as_bytes())
    };
    let good = verify("mailingapi", SECRET, BODY);
    assert_eq!((good.code, good.out.as_str()), (Some(0), "good, signed 2024-01-15T10:50:00Z\n"));

    let pretty = BODY.replace(",\"", ", \"");
    for (dialect, secret, body, words) in [
        ("mailingapi", SECRET, pretty.as_str(), "as JSON.stringify writes it"),
        ("mailingapi", &SECRET[6..], BODY, "`whsec_` in front of the secret"),
        ("mailstack", SECRET, BODY, "the rules of mailingapi"),
        ("mailingapi", "whsec_another", BODY, "another secret, or over another body"),
    ] {
        let bad = verify(dialect, secret, body);
        assert_refused(&bad, 1, &[dialect]);
        assert!(bad.out.contains(words), "{words}: {}", bad.out);
    }

    let verb = ["verify", "--dialect", "mailingapi", "--secret", SECRET, "--tolerance", "5m"];
    let stale = run_with(&[&verb[..], &["--header", &header]].concat(), BODY.as_bytes());
    assert_refused(&stale, 1, &["expected at most 300"]);
    assert!(stale.out.contains("beyond the 5 min allowed"), "{}", stale.out);
}

#[test]
fn a_translation_names_what_it_lost_and_can_be_signed_at_once() {
    let event = r#"{"id":"evt_1","type":"delivered","timestamp":"2024-01-15T10:30:00Z",
        "data":{"message_id":"msg_1","to":"user@example.com","subject":"Hi"}}"#;
    let translate = ["translate", "--from", "mailingapi", "--to", "mailgun"];
    let translated = run_with(&translate, event.as_bytes());
    assert_eq!(translated.code, Some(0), "{}", translated.err);
    let json: serde_json::Value = serde_json::from_str(&translated.out).unwrap();
    assert_eq!(json["event"], "delivered");
    assert_eq!(json["recipient"], "user@example.com");

    let sign = ["sign", "--dialect", "mailgun", "--secret", "key-1", "--headers-to", "/dev/null"];
    let signed = run_with(&sign, translated.out.as_bytes());
    let body: serde_json::Value = serde_json::from_str(&signed.out).unwrap();
    assert_eq!(body["event-data"], json);

    let impossible = ["translate", "--from", "mailingapi", "--to", "posthawk"];
    let unsubscribed = event.replace("delivered", "unsubscribed");
    assert_refused(&run_with(&impossible, unsubscribed.as_bytes()), 1, &["posthawk"]);
    assert_refused(&run_with(&translate, b"{}"), 1, &["mailingapi"]);
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let mut child = waypost(&["completions", "bash"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = super::Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn every_shell_has_completions_that_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).out;
        assert!(script.contains("delivery") && script.contains("replay"), "{shell}");
    }
}

#[test]
fn the_table_of_names_has_a_row_for_each_kind_and_a_column_for_each_provider() {
    let table = run(&["names"]).out;
    assert_eq!(table.lines().count(), 13, "{table}");
    let row = |kind: &str| {
        let line = table.lines().find(|line| line.starts_with(kind)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("KIND"), "KIND MAILGUN POSTHAWK MAILSTACK WISTFARE MAILINGAPI");
    assert_eq!(row("bounced"), "bounced permanent_fail bounce Bounce email.bounced bounced");
    assert_eq!(row("failed"), "failed (permanent_fail) - - email.failed -");

    let json: serde_json::Value = serde_json::from_str(&run(&["names", "--json"]).out).unwrap();
    let failed = &json["items"][5];
    assert_eq!(failed["kind"], "failed");
    assert_eq!(failed["mailgun"], serde_json::Value::Null);
    assert_eq!(failed["covered_by"]["mailgun"], "permanent_fail");
}

#[test]
fn the_names_of_a_pair_say_how_many_survive_and_why_the_others_do_not() {
    let pair = ["names", "--from", "posthawk", "--to", "mailingapi"];
    let strict = run(&pair);
    assert_eq!(strict.code, Some(0), "{}", strict.err);
    assert!(strict.out.ends_with("\n6 of 8 survive\n"), "{}", strict.out);
    let rejected = strict.out.lines().find(|line| line.starts_with("reject ")).unwrap();
    assert!(rejected.contains("impossible"), "{rejected}");
    assert!(rejected.ends_with("only bounces come near, and receivers act on those"), "{rejected}");

    let lenient = run(&[&pair[..], &["--lenient", "--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&lenient.out).unwrap();
    assert_eq!((&json["survive"], &json["of"]), (&7.into(), &8.into()));
    let rejected = &json["items"][4];
    assert_eq!(rejected["name"], "reject");
    assert_eq!(rejected["names"][0], "bounced");
    assert_eq!(rejected["class"], "widened");

    assert_refused(&run(&["names", "--from", "mailgun"]), 2, &["--to"]);
    assert_refused(&run(&["names", "--lenient"]), 2, &["--from"]);
}
