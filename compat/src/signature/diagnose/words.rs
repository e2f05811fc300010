//! The words for what was found: first what it is, then what to do.

use std::fmt;

use super::bodies::{BodyForm, Writer};
use super::case::{Change, Finding, Form};
use super::keys::KeyForm;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verifies(changes) => {
                let list: Vec<String> = changes.iter().map(Change::to_string).collect();
                let mut advice: Vec<&str> = changes.iter().map(Change::advice).collect();
                advice.dedup();
                write!(f, "it verifies with {}: {}", list.join(" and "), advice.join("; "))
            }
            Self::OutOfTime { age_s, tolerance_s } => out_of_time(f, *age_s, *tolerance_s),
            Self::Milliseconds => f.write_str(
                "the timestamp counts milliseconds: expected Unix seconds, which have ten digits",
            ),
            Self::Missing { expected, alike } if alike.is_empty() => write!(
                f,
                "no header holds a signature: expected {expected}; pass on the request's headers \
                 as they came"
            ),
            Self::Missing { expected, alike } => write!(
                f,
                "no signature in {expected}; this looks like one, and does not verify: {}",
                alike.join(", ")
            ),
            Self::OtherDigest { place, digits } => {
                write!(f, "{place}: expected the 64 hex digits of SHA-256, found {digits}")?;
                match digits {
                    32 => f.write_str(", as MD5 has"),
                    40 => f.write_str(", as SHA-1 has"),
                    96 => f.write_str(", as SHA-384 has"),
                    128 => f.write_str(", as SHA-512 has"),
                    _ => f.write_str("; was it cut off?"),
                }
            }
            Self::ApiKey(provider) => write!(
                f,
                "the secret has the form of a key to {provider}'s API, which signs nothing: \
                 expected {}",
                provider.reading().proof.secret
            ),
            Self::NoSecret => f.write_str("the secret is empty"),
            Self::EventDataAlone => f.write_str(
                "the body is `event-data` alone: Mailgun's signature stands beside it, in \
                 `signature`; check the whole body",
            ),
            Self::OtherSecret => f.write_str(
                "it is signed with another secret: Mailgun signs a timestamp and a token, so the \
                 body cannot be the reason; a subaccount signs with its own key, and a key that was \
                 just replaced may sign for some minutes more",
            ),
            Self::OtherSecretOrBody => f.write_str(
                "it is signed with another secret, or over another body than this in a way that was \
                 not tried (new lines, JSON written again, base64): compare the last characters of \
                 the secret with the provider's page, and take the body before anything parses it",
            ),
        }
    }
}

fn out_of_time(f: &mut fmt::Formatter<'_>, age_s: i64, tolerance_s: i64) -> fmt::Result {
    let (age, allowed) = (span(age_s.unsigned_abs()), span(tolerance_s.unsigned_abs()));
    let beyond = span(age_s.unsigned_abs().saturating_sub(tolerance_s.unsigned_abs()));
    if age_s < 0 {
        write!(
            f,
            "signed {age} in the future, {beyond} beyond the {allowed} allowed: one of the two \
             clocks is wrong"
        )
    } else {
        write!(
            f,
            "signed {age} ago, {beyond} beyond the {allowed} allowed: an old request played again, \
             one that waited in a queue, or a clock that is wrong"
        )
    }
}

/// Seconds in the two largest units that they fill.
fn span(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, length) in units {
        if rest >= length {
            parts.push(format!("{} {name}", rest / length));
        }
        rest %= length;
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

impl Change {
    /// The advice on it.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Provider(_) => "check it as what it is, or make a source of that dialect",
            Self::Place { .. } => "pass it on under its own name, or unpacked as it came",
            Self::Writing { .. } | Self::Signed(_) => "the sender does not sign as this form says",
            Self::Secret(_) => "give the secret in the form that the provider signs with",
            Self::Body(form) => form.advice(),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(provider) => write!(f, "the rules of {provider}"),
            Self::Place { expected, found } => {
                write!(f, "the signature from {found}, which should be {expected}")
            }
            Self::Writing { place } => {
                write!(f, "the code in {place}, which is written in another way than expected")
            }
            Self::Signed(form) => write!(f, "{} signed", form.words()),
            Self::Secret(form) => write!(f, "{form}"),
            Self::Body(form) => write!(f, "{form}"),
        }
    }
}

impl Form {
    const fn words(self) -> &'static str {
        match self {
            Self::Body => "the body alone",
            Self::TimeAndBody => "`{t}.{body}`",
            Self::IdTimeAndBody => "`{id}.{t}.{body}`",
            Self::TimeAndToken => "Mailgun's timestamp and token",
        }
    }
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsGiven => "the secret's whole text",
            Self::Trimmed => "the secret less the white space around it",
            Self::Unquoted => "the secret less the quotes around it",
            Self::Without(prefix) => return write!(f, "the secret without `{prefix}`"),
            Self::With(prefix) => return write!(f, "`{prefix}` in front of the secret"),
            Self::WithNewline => "a newline at the secret's end",
            Self::Base64 => "the bytes that the secret is the base64 of",
            Self::Hex => "the bytes that the secret's hex digits spell",
        })
    }
}

impl BodyForm {
    const fn advice(self) -> &'static str {
        match self {
            Self::Written(_) => {
                "a body that was read as JSON and written again is another body; sign and check \
                 the bytes as they are sent"
            }
            Self::Base64 => "what handed the body on has encoded it; decode it before checking",
            Self::Unstringified => "the body was put into a JSON string; check what stands in it",
            Self::AsGiven
            | Self::WithoutNewline
            | Self::WithNewline
            | Self::WithCrLf
            | Self::Trimmed
            | Self::WithoutMark
            | Self::UnixLines
            | Self::DosLines => {
                "an editor or a shell has changed the body; check the bytes as sent"
            }
        }
    }
}

impl fmt::Display for BodyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsGiven => "the body as it is",
            Self::WithoutNewline => "the body less the newline at its end",
            Self::WithNewline => "a newline at the body's end",
            Self::WithCrLf => "`\\r\\n` at the body's end",
            Self::Trimmed => "the body less the white space around it",
            Self::WithoutMark => "the body less its byte order mark",
            Self::UnixLines => "`\\n` for each `\\r\\n` in the body",
            Self::DosLines => "`\\r\\n` for each `\\n` in the body",
            Self::Base64 => "what the body is the base64 of",
            Self::Unstringified => "the text in the JSON string that the body is",
            Self::Written(writer) => return write!(f, "the body as {}", writer.words()),
        })
    }
}

impl Writer {
    const fn words(self) -> &'static str {
        match self {
            Self::JavaScript => "JSON.stringify writes it",
            Self::Compact => "it is without spaces between its parts",
            Self::Indented2 => "it is with an indent of two",
            Self::Indented4 => "it is with an indent of four",
            Self::Python => "Python's json.dumps writes it",
            Self::PythonUtf8 => "Python's json.dumps writes it with ensure_ascii=False",
            Self::Php => "PHP's json_encode writes it",
            Self::Sorted => "it is with its keys in order",
            Self::Go => "Go's json.Marshal writes a map",
        }
    }
}
