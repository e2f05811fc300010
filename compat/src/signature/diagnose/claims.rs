//! The signatures that a request carries, wherever they stand.

use serde_json::Value;

use super::bodies::{self, Bodies, BodyForm};
use super::case::{Case, Finding, Form};
use crate::provider::Provider;
use crate::sign::mac::Tag;

/// A signature found in a request.
pub(super) struct Claim {
    /// The header, or the field of the body.
    pub(super) place: String,
    /// The provider that has its signature there.
    pub(super) owner: Option<Provider>,
    /// The change to the body that was needed to find it there.
    pub(super) body: Option<BodyForm>,
    /// The codes.
    pub(super) tags: Vec<Tag>,
    /// The form that its writing announces.
    pub(super) written: Form,
    /// The forms to try, each with what stands before the body.
    pub(super) forms: Vec<(Form, Vec<u8>)>,
    time: Option<String>,
}

impl Claim {
    /// The time of signing, where the request says so.
    pub(super) fn signed_at(&self) -> Option<i64> {
        self.time.as_deref()?.trim().parse().ok()
    }
}

/// Headers of one sort beyond so many are not tried.
const TRIED_MAX: usize = 4;

/// Every signature of a request, those of the case's own provider first.
pub(super) fn all(case: &Case<'_>, bodies: &Bodies<'_>) -> Vec<Claim> {
    let headers = case.headers.iter().filter_map(|(name, value)| in_header(case, name, value));
    let mut claims: Vec<Claim> = headers.take(TRIED_MAX).collect();
    claims.extend(in_bodies(bodies));
    claims.sort_by_key(|claim| claim.owner != Some(case.provider));
    claims
}

/// Says that a header's name looks as if it held a signature.
pub(super) fn looks_like_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("signature") || name.contains("hmac")
}

/// Signatures that are hex, and not 64 digits long.
pub(super) fn other_digests(case: &Case<'_>) -> Vec<Finding> {
    let signatures = case.headers.iter().filter(|(name, _)| looks_like_signature(name));
    let odd = signatures.filter_map(|(name, value)| {
        let last = value.trim().rsplit(['=', ',', ' ']).next()?;
        let is_hex = last.len() >= 32 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = last.len();
        (is_hex && digits != 64).then(|| Finding::OtherDigest { place: name.clone(), digits })
    });
    odd.collect()
}

/// Says that a body is what Mailgun's signature stands beside.
pub(super) fn is_event_data(body: &[u8]) -> bool {
    let value = bodies::value(body);
    value.is_some_and(|value| value.get("event").is_some() && value.get("event-data").is_none())
}

fn in_header(case: &Case<'_>, name: &str, value: &str) -> Option<Claim> {
    if !looks_like_signature(name) {
        return None;
    }
    let canonical = name.to_ascii_lowercase();
    let known =
        |provider: &Provider| provider.reading().proof.headers.contains(&canonical.as_str());
    let owner = Provider::ALL.into_iter().find(known);
    let mut tags = Vec::new();
    let (mut time, mut written) = (None, Form::Body);
    for part in value.split([',', ' ']).map(str::trim) {
        match part.split_once('=') {
            Some(("t", text)) => {
                (time, written) = (Some(text), Form::TimeAndBody);
            }
            // Base64 may end in the sign that elsewhere stands between name and value.
            Some((_, code)) if !code.trim_matches('=').is_empty() => tags.extend(tag(code)),
            _ if part == "v1" => written = Form::IdTimeAndBody,
            _ => tags.extend(tag(part)),
        }
    }
    if tags.is_empty() {
        return None;
    }
    let mut times: Vec<&str> = time.into_iter().chain(named(case, "timestamp")).collect();
    times.dedup();
    let mut forms = vec![(Form::Body, Vec::new())];
    for time in &times {
        forms.push((Form::TimeAndBody, format!("{time}.").into_bytes()));
        let ids = named(case, "-id").into_iter();
        forms.extend(ids.map(|id| (Form::IdTimeAndBody, format!("{id}.{time}.").into_bytes())));
    }
    let time = times.first().copied().map(str::to_owned);
    Some(Claim { place: name.to_owned(), owner, body: None, tags, written, forms, time })
}

/// The values of the headers whose names end so, a few at most.
fn named<'a>(case: &Case<'a>, ending: &str) -> Vec<&'a str> {
    let ends = |name: &str| name.to_ascii_lowercase().replace('_', "-").ends_with(ending);
    let found = case.headers.iter().filter(|(name, _)| ends(name));
    found.map(|(_, value)| value.trim()).take(TRIED_MAX).collect()
}

fn tag(text: &str) -> Option<Tag> {
    Tag::from_hex(text).or_else(|| Tag::from_base64(text))
}

/// Mailgun's signature, in the body as it is or in what it was made of.
fn in_bodies(bodies: &Bodies<'_>) -> Vec<Claim> {
    let unwrapped = bodies.forms().iter().filter(|(form, _)| {
        matches!(form, BodyForm::Base64 | BodyForm::Unstringified | BodyForm::WithoutMark)
    });
    let given = in_body(bodies.given, None);
    let given = given.filter(|_| !bodies.given.starts_with(b"\xEF\xBB\xBF"));
    given
        .into_iter()
        .chain(unwrapped.filter_map(|(form, body)| in_body(body, Some(*form))))
        .collect()
}

fn in_body(body: &[u8], form: Option<BodyForm>) -> Option<Claim> {
    let (place, parts) = match bodies::value(body) {
        Some(value) => match value.get("signature") {
            Some(parts @ Value::Object(_)) => ("signature", parts.clone()),
            _ => ("the body itself", value),
        },
        None => ("the fields of a form", from_form(body)?),
    };
    let text = |name: &str| match parts.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (time, token) = (text("timestamp")?, text("token")?);
    let codes = [text("signature"), text("parent-signature")];
    let tags: Vec<Tag> = codes.into_iter().flatten().filter_map(|code| tag(&code)).collect();
    let forms = vec![(Form::TimeAndToken, format!("{time}{token}").into_bytes())];
    (!tags.is_empty()).then(|| Claim {
        place: place.to_owned(),
        owner: (place == "signature").then_some(Provider::Mailgun),
        body: form,
        tags,
        written: Form::TimeAndToken,
        forms,
        time: Some(time),
    })
}

/// The fields of a form that matter here; none of them has characters that a form escapes.
fn from_form(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let pairs = text.trim().split('&').filter_map(|pair| pair.split_once('='));
    let known = pairs.filter(|(name, _)| matches!(*name, "timestamp" | "token" | "signature"));
    Some(Value::Object(known.map(|(name, value)| (name.to_owned(), value.into())).collect()))
}
