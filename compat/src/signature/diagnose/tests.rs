//! Each likely mistake, made on purpose and found.

use super::bodies::Writer;
use super::*;
use crate::dialect::Dialect;
use crate::signature::{Scheme, Secret, Stamp, sign};

const KEY: &str = "whsec_00112233445566778899aabbccddeeff0011223344556677";
const BODY: &str = r#"{"id":"evt_1","type":"bounced","data":{"to":"zoë@example.com","url":"https://a.example/?a=1&b=<2>","n":1.5},"at":"x"}"#;
const SIGNED_AT: i64 = 1_705_315_800;

/// A request as it was sent, to be spoilt.
#[derive(Clone)]
struct Request {
    provider: Provider,
    secret: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now: i64,
}

fn sent(scheme: Scheme, dialect: Dialect, secret: &str, body: impl AsRef<[u8]>) -> Request {
    let token = "a".repeat(50);
    let stamp =
        Stamp { timestamp: SIGNED_AT, token: &token, event_id: "msg_1", event_name: "bounced" };
    let signed = sign(scheme, &[&Secret::new(secret)], body.as_ref(), &stamp);
    let own = |(name, value): (&str, String)| (name.to_owned(), value);
    Request {
        provider: dialect.provider(),
        secret: KEY.to_owned(),
        headers: signed.headers.into_iter().map(own).collect(),
        body: signed.body,
        now: SIGNED_AT + 10,
    }
}

fn of(dialect: Dialect) -> Request {
    sent(dialect.scheme(), dialect, KEY, BODY)
}

impl Request {
    fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn checked_as(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    fn header(mut self, from: &str, to: &str) -> Self {
        for (name, _) in &mut self.headers {
            if name.eq_ignore_ascii_case(from) {
                to.clone_into(name);
            }
        }
        self
    }

    fn value(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        for (known, value) in &mut self.headers {
            if known.eq_ignore_ascii_case(name) {
                *value = change(value);
            }
        }
        self
    }

    fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    fn diagnosed(&self) -> Diagnosis {
        diagnose(&Case {
            provider: self.provider,
            secret: &Secret::new(self.secret.as_str()),
            headers: &self.headers,
            body: &self.body,
            now: self.now,
            tolerance_s: 300,
        })
    }
}

#[track_caller]
fn check(request: &Request, expected: &[Finding]) {
    let diagnosis = request.diagnosed();
    assert!(diagnosis.verdict.is_err());
    assert_eq!(diagnosis.findings, expected);
    for finding in diagnosis.findings {
        let shown = !request.secret.is_empty() && finding.to_string().contains(&request.secret);
        assert!(!shown, "{finding} shows the secret");
    }
}

#[track_caller]
fn verifies(request: &Request, changes: &[Change]) {
    check(request, &[Finding::Verifies(changes.to_vec())]);
}

#[test]
fn a_good_signature_needs_no_explanation() {
    for dialect in Dialect::ALL {
        let diagnosis = of(dialect).diagnosed();
        assert!(diagnosis.verdict.is_ok(), "{dialect}: {:?}", diagnosis.verdict);
        assert_eq!(diagnosis.findings, [], "{dialect}");
    }
}

#[test]
fn another_secret_is_told_from_another_body_only_where_the_body_is_not_signed() {
    for dialect in Dialect::ALL {
        let covered = dialect != Dialect::Mailgun;
        let expected = if covered { Finding::OtherSecretOrBody } else { Finding::OtherSecret };
        check(&of(dialect).secret("whsec_another"), &[expected]);
    }
    check(&of(Dialect::Posthawk).body("{}"), &[Finding::OtherSecretOrBody]);
    check(&of(Dialect::Posthawk).secret(""), &[Finding::NoSecret]);
}

#[test]
fn an_old_signature_says_by_how_much() {
    let old = of(Dialect::MailingApi).at(SIGNED_AT + 90_000);
    check(&old, &[Finding::OutOfTime { age_s: 90_000, tolerance_s: 300 }]);
    let text = old.diagnosed().findings[0].to_string();
    assert!(text.starts_with("signed 1 d 1 h ago, 1 d 55 min beyond the 5 min allowed"), "{text}");
    let early = of(Dialect::Mailgun).at(SIGNED_AT - 301);
    check(&early, &[Finding::OutOfTime { age_s: -301, tolerance_s: 300 }]);
    let text = early.diagnosed().findings[0].to_string();
    assert!(text.starts_with("signed 5 min 1 s in the future, 1 s beyond"), "{text}");
}

#[test]
fn a_timestamp_in_milliseconds_is_told_from_one_in_the_far_future() {
    let token = "a".repeat(50);
    let millis = Stamp {
        timestamp: SIGNED_AT * 1000,
        token: &token,
        event_id: "msg_1",
        event_name: "bounced",
    };
    let signed = sign(Scheme::Mailgun, &[&Secret::new(KEY)], b"{}", &millis);
    let request = of(Dialect::Mailgun).body(signed.body);
    check(&request, &[Finding::Milliseconds]);
    let late = Finding::OutOfTime { age_s: 1000, tolerance_s: 300 };
    check(&request.at(SIGNED_AT + 1000), &[Finding::Milliseconds, late]);
}

#[test]
fn a_secret_in_another_form_is_found() {
    let secret = |form| [Change::Secret(form)];
    for dialect in Dialect::ALL {
        let request = of(dialect);
        let spoilt = |text: &str| request.clone().secret(text);
        verifies(&spoilt(&format!(" {KEY}\n")), &secret(KeyForm::Trimmed));
        verifies(&spoilt(&format!("\"{KEY}\"")), &secret(KeyForm::Unquoted));
        let bare = KEY.strip_prefix("whsec_").unwrap();
        verifies(&spoilt(bare), &secret(KeyForm::With("whsec_")));
        let without = sent(dialect.scheme(), dialect, bare, BODY);
        verifies(&without, &secret(KeyForm::Without("whsec_")));
        let newline = sent(dialect.scheme(), dialect, &format!("{KEY}\n"), BODY);
        verifies(&newline, &secret(KeyForm::WithNewline));
    }
    // Standard Webhooks, which decodes the secret, is as easily spoilt.
    let standard = of(Dialect::MailStack).header("X-MailStack-Signature", "X-Other");
    verifies(&standard.secret(&format!("{KEY}\n")), &secret(KeyForm::Trimmed));
    // The base64 and the hex of the key `waypost`.
    let plain = sent(Scheme::Posthawk, Dialect::Posthawk, "waypost", BODY);
    verifies(&plain.clone().secret("whsec_d2F5cG9zdA=="), &secret(KeyForm::Base64));
    verifies(&plain.secret("whsec_776179706f7374"), &secret(KeyForm::Hex));
}

#[test]
fn a_body_that_was_changed_on_the_way_is_found() {
    let given = |body: &str| of(Dialect::Posthawk).body(body);
    let body = |form| [Change::Body(form)];
    verifies(&given(&format!("{BODY}\n")), &body(BodyForm::WithoutNewline));
    verifies(&given(&format!("  {BODY} ")), &body(BodyForm::Trimmed));
    verifies(&given(&format!("\u{feff}{BODY}")), &body(BodyForm::WithoutMark));
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, BODY);
    verifies(&given(&encoded), &body(BodyForm::Base64));
    let stringified = serde_json::to_string(BODY).unwrap();
    verifies(&given(&stringified), &body(BodyForm::Unstringified));

    let signed = |body: &str| sent(Scheme::Wistfare, Dialect::Wistfare, KEY, body);
    verifies(&signed("{}\n").body("{}"), &body(BodyForm::WithNewline));
    verifies(&signed("{}\r\n").body("{}"), &body(BodyForm::WithCrLf));
    verifies(&signed("{\n}").body("{\r\n}"), &body(BodyForm::UnixLines));
    verifies(&signed("{\r\n}").body("{\n}"), &body(BodyForm::DosLines));
}

#[test]
fn a_body_that_was_written_again_is_found_whoever_wrote_it() {
    let value: serde_json::Value = serde_json::from_str(BODY).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let written = |writer| [Change::Body(BodyForm::Written(writer))];
    // The receiver's side wrote it again.
    let spaced = "{ \"n\" : 1.0 , \"s\" : \"a \\\" b\" }";
    verifies(&of(Dialect::Posthawk).body(pretty.clone()), &written(Writer::JavaScript));
    let exact = r#"{"n":1.0,"s":"a \" b"}"#;
    verifies(
        &sent(Scheme::Posthawk, Dialect::Posthawk, KEY, exact).body(spaced),
        &written(Writer::Compact),
    );
    // The sender's side did, and the receiver has it as JavaScript wrote it.
    for (writer, signed) in [
        (Writer::Indented2, pretty.as_str()),
        (Writer::Indented4, &pretty.replace("  ", "    ")),
        (
            Writer::Python,
            r#"{"id": "evt_1", "type": "bounced", "data": {"to": "zo\u00eb@example.com", "url": "https://a.example/?a=1&b=<2>", "n": 1.5}, "at": "x"}"#,
        ),
        (
            Writer::PythonUtf8,
            r#"{"id": "evt_1", "type": "bounced", "data": {"to": "zoë@example.com", "url": "https://a.example/?a=1&b=<2>", "n": 1.5}, "at": "x"}"#,
        ),
        (
            Writer::Php,
            r#"{"id":"evt_1","type":"bounced","data":{"to":"zo\u00eb@example.com","url":"https:\/\/a.example\/?a=1&b=<2>","n":1.5},"at":"x"}"#,
        ),
        (
            Writer::Sorted,
            r#"{"at":"x","data":{"n":1.5,"to":"zoë@example.com","url":"https://a.example/?a=1&b=<2>"},"id":"evt_1","type":"bounced"}"#,
        ),
        (
            Writer::Go,
            r#"{"at":"x","data":{"n":1.5,"to":"zoë@example.com","url":"https://a.example/?a=1\u0026b=\u003c2\u003e"},"id":"evt_1","type":"bounced"}"#,
        ),
    ] {
        let request = sent(Scheme::MailingApi, Dialect::MailingApi, KEY, signed).body(BODY);
        verifies(&request, &written(writer));
    }
}

#[test]
fn a_request_of_another_provider_is_recognised() {
    for dialect in Dialect::ALL {
        let signer = dialect.provider();
        for checked in Provider::ALL.into_iter().filter(|other| *other != signer) {
            verifies(&of(dialect).checked_as(checked), &[Change::Provider(signer)]);
        }
    }
}

#[test]
fn a_signature_over_something_else_than_its_form_says_is_found() {
    // `{t}.{body}` in the form that announces the body alone, and the other way round.
    let bare = of(Dialect::MailStack)
        .value("X-MailStack-Signature", |value| value.rsplit('=').next().unwrap().to_owned())
        .header("webhook-signature", "X-Other");
    verifies(&bare, &[Change::Signed(Form::TimeAndBody)]);
    let plain = sent(Scheme::MailStackRaw, Dialect::MailStack, KEY, BODY)
        .value("X-MailStack-Signature", |hex| format!("t={SIGNED_AT},v1={hex}"));
    verifies(&plain, &[Change::Signed(Form::Body)]);
}

#[test]
fn a_header_under_another_name_is_found() {
    let place = |expected, found: &str| [Change::Place { expected, found: found.to_owned() }];
    let renamed = of(Dialect::Posthawk).header("X-Posthawk-Signature", "HTTP_X_POSTHAWK_SIGNATURE");
    verifies(&renamed, &place("X-Posthawk-Signature", "HTTP_X_POSTHAWK_SIGNATURE"));
    let lost = of(Dialect::MailingApi).header("X-MailingAPI-Signature", "X-Gone");
    let missing = |alike: &[&str]| Finding::Missing {
        expected: "X-MailingAPI-Signature",
        alike: alike.iter().map(|&name| name.to_owned()).collect(),
    };
    check(&lost, &[missing(&[])]);
    let other = of(Dialect::MailingApi)
        .header("X-MailingAPI-Signature", "X-Hub-Signature")
        .secret("whsec_another");
    check(&other, &[missing(&["X-Hub-Signature"])]);
}

#[test]
fn a_digest_in_another_writing_or_of_another_kind_is_named() {
    let base64 = of(Dialect::Wistfare).header("X-Webhook-Signature", "X-Gone").value(
        "Wistmail-Signature",
        |hex| {
            let tag =
                (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            let bytes: Vec<u8> = tag.collect();
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
        },
    );
    verifies(&base64, &[Change::Writing { place: "Wistmail-Signature".to_owned() }]);
    let sha1 = of(Dialect::Posthawk)
        .value("X-Posthawk-Signature", |_| "sha1=".to_owned() + &"0".repeat(40));
    let odd = Finding::OtherDigest { place: "X-Posthawk-Signature".to_owned(), digits: 40 };
    check(&sha1, &[odd]);
}

#[test]
fn a_key_to_an_api_is_told_from_a_secret() {
    let api_key = "0123456789abcdef0123456789abcdef-01234567-89abcdef";
    check(
        &of(Dialect::Mailgun).secret(api_key),
        &[Finding::ApiKey(Provider::Mailgun), Finding::OtherSecret],
    );
    check(
        &of(Dialect::MailingApi).secret("ob_live_0123456789"),
        &[Finding::ApiKey(Provider::MailingApi), Finding::OtherSecretOrBody],
    );
}

#[test]
fn parts_of_a_mailgun_body_are_recognised() {
    let whole = of(Dialect::Mailgun);
    let value: serde_json::Value = serde_json::from_slice(&whole.body).unwrap();
    let data = r#"{"event":"delivered"}"#;
    check(&whole.clone().body(data), &[Finding::EventDataAlone]);
    let parts = &value["signature"];
    let place = |found: &str| {
        [Change::Place { expected: "`signature` in the body", found: found.to_owned() }]
    };
    verifies(&whole.clone().body(parts.to_string()), &place("the body itself"));
    let text = |name: &str| parts[name].as_str().unwrap().to_owned();
    let form = format!(
        "event=delivered&timestamp={}&token={}&signature={}",
        text("timestamp"),
        text("token"),
        text("signature")
    );
    verifies(&whole.clone().body(form), &place("the fields of a form"));
    let marked = [b"\xEF\xBB\xBF", whole.body.as_slice()].concat();
    verifies(&whole.body(marked), &[Change::Body(BodyForm::WithoutMark)]);
}

#[test]
fn two_mistakes_are_found_together_and_an_old_signature_beside_them() {
    let changes = vec![Change::Secret(KeyForm::Trimmed), Change::Body(BodyForm::WithoutNewline)];
    let spoilt = of(Dialect::MailingApi)
        .secret(&format!("{KEY} "))
        .body(format!("{BODY}\n"))
        .at(SIGNED_AT + 400);
    let late = Finding::OutOfTime { age_s: 400, tolerance_s: 300 };
    check(&spoilt, &[Finding::Verifies(changes), late]);
}

#[test]
fn whatever_is_asked_about_there_is_an_answer() {
    let deep = "[".repeat(100_000);
    let long = "x".repeat(2 << 20);
    for body in ["", "null", "\"", "\\", "{\"signature\":{}}", "timestamp=&token=", &deep, &long] {
        for provider in Provider::ALL {
            for dialect in Dialect::ALL {
                let diagnosis = of(dialect).checked_as(provider).body(body).diagnosed();
                assert!(diagnosis.verdict.is_err(), "{provider} {dialect} {body:.20}");
            }
        }
    }
    let odd = of(Dialect::Posthawk).value("X-Posthawk-Signature", |_| "=,, =t=v1=,v1,é".to_owned());
    let _answered = odd.diagnosed();
}
