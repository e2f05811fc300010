//! The DNS records that a domain's owner publishes, as Mailgun's domains API reports them.
//!
//! Waypost never looks one up and never makes one up: a record of our own invention would send mail
//! somewhere. They are kept so that Terraform and set-up scripts, which read them from the API,
//! find what they found at the provider.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// The mail that a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsUse {
    /// Mail to the domain: its MX records.
    Receiving,
    /// Mail from the domain: SPF, DKIM, tracking host.
    Sending,
}

impl DnsUse {
    /// Both, in the order of Mailgun's answers.
    pub const ALL: [Self; 2] = [Self::Receiving, Self::Sending];

    /// The field that lists these records in Mailgun's answers.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Receiving => "receiving_dns_records",
            Self::Sending => "sending_dns_records",
        }
    }

    /// The name of these records in a domain's settings. The colon keeps it apart from Mailgun's own settings,
    /// which are words.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Receiving => "waypost:receiving_dns_records",
            Self::Sending => "waypost:sending_dns_records",
        }
    }
}

/// One record, its fields in the order of Mailgun's answers.
///
/// A receiving record has a priority and no name, a sending one a name and no priority: typed
/// clients expect just these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsRecord {
    is_active: bool,
    cached: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    record_type: String,
    valid: &'static str,
    value: String,
}

/// A record, or a list of them, that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct InvalidRecord {
    /// The place in the list, such as `sending_dns_records[2].value`.
    pub place: String,
    /// The reason: what was expected, and what was found.
    pub reason: String,
}

/// The most records of a use. A domain at Mailgun has some ten.
const RECORDS_MAX: usize = 50;
/// The most bytes that all records of a use take as JSON.
const RECORDS_BYTES_MAX: usize = 64 << 10;
/// The longest value. A DKIM key of 4096 bits has some 750 bytes.
const VALUE_BYTES_MAX: usize = 4096;
/// The longest name that DNS knows, with its dots.
const NAME_BYTES_MAX: usize = 255;
/// The longest name of a type; `NSEC3PARAM` is the longest there is.
const TYPE_BYTES_MAX: usize = 10;
/// The words for what came of looking a record up.
const VALID: [&str; 3] = ["unknown", "valid", "invalid"];

impl DnsRecord {
    /// Reads a list of records as Mailgun writes it.
    ///
    /// What can be left out is filled in as Mailgun has it before the first look-up; fields that no
    /// record of the use has are passed over, so that what another API answered can be given as it
    /// is.
    ///
    /// # Errors
    ///
    /// The first thing found that cannot be a record, or more of them than are kept.
    pub fn list(of: DnsUse, records: &[Value]) -> Result<Vec<Self>, InvalidRecord> {
        let whole = |reason: String| InvalidRecord { place: of.field().to_owned(), reason };
        if records.len() > RECORDS_MAX {
            let found = records.len();
            return Err(whole(format!("expected at most {RECORDS_MAX} records, found {found}")));
        }
        let mut list = Vec::with_capacity(records.len());
        for (index, record) in records.iter().enumerate() {
            let place = format!("{}[{index}]", of.field());
            let Value::Object(fields) = record else {
                return Err(InvalidRecord { place, reason: "expected an object".to_owned() });
            };
            list.push(Self::read(of, &RecordFields { place: &place, fields })?);
        }
        let bytes = serde_json::to_string(&list).map_or(usize::MAX, |text| text.len());
        if bytes > RECORDS_BYTES_MAX {
            return Err(whole(format!(
                "expected at most {RECORDS_BYTES_MAX} bytes of JSON, found {bytes}"
            )));
        }
        Ok(list)
    }

    fn read(of: DnsUse, fields: &RecordFields<'_>) -> Result<Self, InvalidRecord> {
        let record_type = fields.text("record_type", TYPE_BYTES_MAX)?.to_ascii_uppercase();
        if !record_type.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(fields.wrong("record_type", "a type such as `TXT`", &record_type));
        }
        let (name, priority) = match of {
            DnsUse::Receiving => (None, Some(fields.priority()?)),
            DnsUse::Sending => (Some(fields.text("name", NAME_BYTES_MAX)?.to_owned()), None),
        };
        Ok(Self {
            is_active: fields.flag("is_active")?,
            cached: fields.cached()?,
            name,
            priority,
            record_type,
            valid: fields.valid()?,
            value: fields.text("value", VALUE_BYTES_MAX)?.to_owned(),
        })
    }
}

/// One record's fields, and where it stands.
struct RecordFields<'r> {
    place: &'r str,
    fields: &'r Map<String, Value>,
}

impl RecordFields<'_> {
    fn wrong(&self, field: &str, expected: &str, found: impl fmt::Debug) -> InvalidRecord {
        let mut found = format!("{found:?}");
        if let Some((end, _)) = found.char_indices().nth(80) {
            found.truncate(end);
            found.push('…');
        }
        let place = format!("{}.{field}", self.place);
        InvalidRecord { place, reason: format!("expected {expected}, found {found}") }
    }

    /// A field that is there; `null` is as good as absent.
    fn given(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn text(&self, field: &str, bytes_max: usize) -> Result<&str, InvalidRecord> {
        let expected = || format!("a text of 1 to {bytes_max} bytes without control characters");
        match self.given(field) {
            Some(Value::String(text)) if is_bearable(text, bytes_max) => Ok(text),
            Some(Value::String(text)) => Err(self.wrong(field, &expected(), text)),
            Some(value) => Err(self.wrong(field, &expected(), Shown(value))),
            None => Err(self.wrong(field, &expected(), Shown(&Value::Null))),
        }
    }

    /// A text at Mailgun, a number where people write one.
    fn priority(&self) -> Result<String, InvalidRecord> {
        let value = self.given("priority").unwrap_or(&Value::Null);
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let number: Result<u16, _> = text.parse();
        let expected = "a whole number up to 65535";
        number.map(|n| n.to_string()).map_err(|_| self.wrong("priority", expected, Shown(value)))
    }

    /// Active unless it says otherwise: records are given to be published.
    fn flag(&self, field: &str) -> Result<bool, InvalidRecord> {
        match self.given(field) {
            None => Ok(true),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.wrong(field, "true or false", Shown(value))),
        }
    }

    fn valid(&self) -> Result<&'static str, InvalidRecord> {
        let Some(value) = self.given("valid") else { return Ok("unknown") };
        let word = value.as_str().unwrap_or_default();
        let known = VALID.into_iter().find(|known| word.eq_ignore_ascii_case(known));
        known.ok_or_else(|| self.wrong("valid", "`unknown`, `valid` or `invalid`", Shown(value)))
    }

    /// Always a list, never `null`, whatever it was: Terraform fails on `null`. What stands in it
    /// was found in somebody's DNS, so it may be any text.
    fn cached(&self) -> Result<Vec<String>, InvalidRecord> {
        let expected = format!("a list of texts of at most {VALUE_BYTES_MAX} bytes");
        let values = match self.given("cached") {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(value) => return Err(self.wrong("cached", &expected, Shown(value))),
        };
        let each = values.iter().map(|value| match value.as_str() {
            Some(text) if text.len() <= VALUE_BYTES_MAX => Ok(text.to_owned()),
            _ => Err(self.wrong("cached", &expected, Shown(value))),
        });
        each.collect()
    }
}

/// A value as an error shows it: texts in full, of all else what it is.
struct Shown<'v>(&'v Value);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("nothing"),
            Value::String(text) => fmt::Debug::fmt(text, f),
            Value::Bool(_) | Value::Number(_) => fmt::Display::fmt(self.0, f),
            Value::Array(_) => f.write_str("an array"),
            Value::Object(_) => f.write_str("an object"),
        }
    }
}

fn is_bearable(text: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn read(of: DnsUse, record: Value) -> String {
        match DnsRecord::list(of, &[record]) {
            Ok(records) => serde_json::to_string(&records[0]).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_record_of_mailguns_stays_as_it_is() {
        for (of, text) in [
            (
                DnsUse::Receiving,
                r#"{"is_active":true,"cached":["mxa.mailgun.org"],"priority":"10","record_type":"MX","valid":"valid","value":"mxa.mailgun.org"}"#,
            ),
            (
                DnsUse::Sending,
                r#"{"is_active":false,"cached":[],"name":"s1._domainkey.d","record_type":"TXT","valid":"unknown","value":"k=rsa; p=MIG"}"#,
            ),
        ] {
            assert_eq!(read(of, serde_json::from_str(text).unwrap()), text);
        }
    }

    #[test]
    fn what_people_leave_out_is_filled_in_and_numbers_become_texts() {
        let mx = json!({ "record_type": "mx", "priority": 10, "value": "mx.example.net", "cached": null, "name": "d" });
        assert_eq!(
            read(DnsUse::Receiving, mx),
            r#"{"is_active":true,"cached":[],"priority":"10","record_type":"MX","valid":"unknown","value":"mx.example.net"}"#
        );
    }

    #[test]
    fn what_cannot_be_a_record_is_refused_by_its_place() {
        let sending = |record: Value| read(DnsUse::Sending, record);
        assert_eq!(sending(json!("TXT")), "sending_dns_records[0]: expected an object");
        assert_eq!(
            sending(json!({ "record_type": "TXT", "value": "v" })),
            "sending_dns_records[0].name: expected a text of 1 to 255 bytes without control \
             characters, found nothing"
        );
        let short = json!({ "record_type": "TXT", "name": "n", "value": "a\nb" });
        assert!(sending(short).ends_with(r#"found "a\nb""#));
        let long = json!({ "record_type": "TXT", "name": "n", "value": "é".repeat(2049) });
        assert!(sending(long).ends_with('…'));
        let odd = json!({ "record_type": "TXT", "name": "n", "value": "v", "valid": 1 });
        assert!(sending(odd).ends_with("valid: expected `unknown`, `valid` or `invalid`, found 1"));
        let priority = json!({ "record_type": "MX", "value": "mx", "priority": "high" });
        assert_eq!(
            read(DnsUse::Receiving, priority),
            "receiving_dns_records[0].priority: expected a whole number up to 65535, found \"high\""
        );
    }

    #[test]
    fn no_domain_has_more_records_than_a_few() {
        let record = json!({ "record_type": "TXT", "name": "n", "value": "v".repeat(4096) });
        let error = |count: usize| {
            let records = vec![record.clone(); count];
            DnsRecord::list(DnsUse::Sending, &records).unwrap_err().reason
        };
        assert_eq!(error(51), "expected at most 50 records, found 51");
        assert!(error(20).starts_with("expected at most 65536 bytes of JSON, found 8"));
    }
}
