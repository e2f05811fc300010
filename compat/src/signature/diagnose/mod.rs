//! Diagnosing: why a signature is refused, found by trying the likely mistakes.
//!
//! ```
//! use waypost_compat::signature::diagnose::{Case, diagnose};
//! use waypost_compat::{Provider, Secret};
//!
//! let headers = [("X-Posthawk-Signature".to_owned(), "sha256=149728f59ee33a4274d092c9c8f40616\
//!     2c8e6d1b4f61544f724ff95a75fa211d".to_owned())];
//! let body = br#"{"id":"evt_0011","type":"delivered","timestamp":"2024-01-15T10:30:00Z",
//!     "data":{"message_id":"msg_1","to":"user@example.com"}}"#;
//! let diagnosis = diagnose(&Case {
//!     provider: Provider::Posthawk,
//!     secret: &Secret::new("whsec_00112233445566778899aabbccddeeff0011223344556677"),
//!     headers: &headers,
//!     body,
//!     now: 1_705_315_800,
//!     tolerance_s: 300,
//! });
//! assert!(diagnosis.verdict.is_err());
//! assert_eq!(
//!     diagnosis.findings[0].to_string(),
//!     "it verifies with the body as JSON.stringify writes it: a body that was read as JSON and \
//!      written again is another body; sign and check the bytes as they are sent",
//! );
//! ```

mod bodies;
mod case;
mod claims;
mod keys;
#[cfg(test)]
mod tests;
mod words;

use self::bodies::Bodies;
pub use self::bodies::{BodyForm, Writer};
pub use self::case::{Case, Change, Diagnosis, Finding, Form};
use self::claims::Claim;
pub use self::keys::KeyForm;
use super::verify;
use crate::provider::Provider;
use crate::sign::VerifyError;
use crate::sign::mac::Code;

/// Beyond so many bytes a body is tried in fewer ways: each try reads all of it.
const SEARCHED_BYTES_MAX: usize = 128 << 10;

/// Unix seconds stay below this until the year 5138; a larger timestamp counts milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// Explains what came of checking a signature: tries what goes wrong most, alone and together, and
/// answers with the fewest changes that make it good. Some hundred codes of the body are made for
/// an ordinary request, some ten thousand for the oddest; a long body is tried with one change only.
#[must_use]
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let header = |name: &str| {
        let mut headers = case.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let verdict =
        verify(case.provider, &[case.secret], header, case.body, case.now, case.tolerance_s);
    let findings = match &verdict {
        Ok(verified) => verified.timestamp.and_then(milliseconds).into_iter().collect(),
        Err(VerifyError::Stale { age_s, .. }) => out_of_time(case, case.now.saturating_sub(*age_s)),
        Err(error) => explain(case, error),
    };
    Diagnosis { verdict, findings }
}

fn milliseconds(timestamp: i64) -> Option<Finding> {
    (timestamp >= SECONDS_MAX).then_some(Finding::Milliseconds)
}

/// The age of a signature, where it is too old or comes from the future.
fn out_of_time(case: &Case<'_>, signed_at: i64) -> Vec<Finding> {
    let mut findings: Vec<Finding> = milliseconds(signed_at).into_iter().collect();
    let seconds = if findings.is_empty() { signed_at } else { signed_at / 1000 };
    let (age_s, tolerance_s) = (case.now.saturating_sub(seconds), case.tolerance_s);
    if age_s.unsigned_abs() > tolerance_s.unsigned_abs() {
        findings.push(Finding::OutOfTime { age_s, tolerance_s });
    }
    findings
}

fn explain(case: &Case<'_>, error: &VerifyError) -> Vec<Finding> {
    if case.secret.expose().is_empty() {
        return vec![Finding::NoSecret];
    }
    let bodies = Bodies::of(case.body);
    let claims = claims::all(case, &bodies);
    if let Some((changes, signed_at)) = search(case, &claims, &bodies) {
        let mut findings = vec![Finding::Verifies(changes)];
        findings.extend(signed_at.into_iter().flat_map(|at| out_of_time(case, at)));
        return findings;
    }
    let mut findings = Vec::new();
    if let VerifyError::Missing(expected) = error {
        findings.push(missing(case, expected));
    }
    findings.extend(claims::other_digests(case));
    findings.extend(keys::api_key(case.secret).map(Finding::ApiKey));
    // With a claim that could be read, what is wrong with it is one of two things.
    if claims.iter().any(|claim| claim.owner == Some(case.provider)) {
        let covers_body = case.provider.reading().proof.covers_body;
        findings.push(match covers_body {
            true => Finding::OtherSecretOrBody,
            false => Finding::OtherSecret,
        });
    }
    findings
}

fn missing(case: &Case<'_>, expected: &'static str) -> Finding {
    if case.provider == Provider::Mailgun && claims::is_event_data(case.body) {
        return Finding::EventDataAlone;
    }
    let alike = case.headers.iter().map(|(name, _)| name);
    let alike = alike.filter(|name| claims::looks_like_signature(name)).cloned().collect();
    Finding::Missing { expected, alike }
}

/// One thing to try, and how much of the request it changes.
struct Try<'t> {
    changes: usize,
    claim: &'t Claim,
    form: &'t (Form, Vec<u8>),
    key: &'t (KeyForm, Vec<u8>),
    body: &'t (BodyForm, Vec<u8>),
}

/// The fewest changes that make a signature good, and when it was made.
fn search(
    case: &Case<'_>,
    claims: &[Claim],
    bodies: &Bodies<'_>,
) -> Option<(Vec<Change>, Option<i64>)> {
    let keys = keys::forms(case.secret);
    let mut tries = Vec::new();
    for claim in claims {
        for form in &claim.forms {
            let covered = if form.0.covers_body() { bodies.forms() } else { bodies.as_given() };
            for key in &keys {
                for body in covered {
                    let mut one = Try { changes: 0, claim, form, key, body };
                    one.changes = one.changes(case).len();
                    tries.push(one);
                }
            }
        }
    }
    tries.sort_by_key(|one| one.changes);
    // A long body is tried with one change alone.
    let most = if case.body.len() > SEARCHED_BYTES_MAX { 1 } else { usize::MAX };
    let good = tries.iter().take_while(|one| one.changes <= most).find(|one| one.is_good())?;
    let mut changes = good.changes(case);
    if changes.is_empty() {
        // Its place and key are right, and `verify` could not read it.
        changes.push(Change::Writing { place: good.claim.place.clone() });
    }
    Some((changes, good.claim.signed_at()))
}

impl Try<'_> {
    fn is_good(&self) -> bool {
        let (form, before) = self.form;
        let body: &[u8] = if form.covers_body() { &self.body.1 } else { b"" };
        let code = Code::under(&self.key.1, &[before, body]);
        self.claim.tags.iter().fold(false, |found, tag| found | code.equals(tag))
    }

    fn changes(&self, case: &Case<'_>) -> Vec<Change> {
        let expected = case.provider.reading().proof.place;
        let is_named = |(name, _): &(String, String)| name.eq_ignore_ascii_case(expected);
        let found = &self.claim.place;
        let elsewhere = !found.eq_ignore_ascii_case(expected);
        let mut changes = Vec::new();
        match self.claim.owner {
            // A second header of a provider counts only where the first is missing.
            Some(owner) if owner == case.provider => {
                if elsewhere && case.headers.iter().any(is_named) {
                    changes.push(Change::Place { expected, found: found.clone() });
                }
            }
            Some(owner) => changes.push(Change::Provider(owner)),
            None => changes.push(Change::Place { expected, found: found.clone() }),
        }
        let form = self.form.0;
        if form != self.claim.written {
            changes.push(Change::Signed(form));
        }
        if self.key.0 != form.usual_key() {
            changes.push(Change::Secret(self.key.0));
        } else if form.usual_key() == KeyForm::Base64 {
            changes.extend(keys::spoilt(case.secret).map(Change::Secret));
        }
        changes.extend(self.claim.body.map(Change::Body));
        if self.body.0 != BodyForm::AsGiven {
            changes.push(Change::Body(self.body.0));
        }
        changes
    }
}
