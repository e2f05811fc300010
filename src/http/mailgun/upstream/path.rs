//! Paths of Mailgun's API that Waypost has no route for: taken apart as routes take theirs apart,
//! and written anew from the parts, so that what was judged is what is sent.

use http::Method;
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::http::mailgun::answer::{MailgunError, excerpt};
use crate::model::DomainName;

/// The characters that are encoded in a segment: all but RFC 3986's unreserved ones.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The decoded segments of a path; slashes at either end do not count.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    /// Takes a path apart. A segment that another server might take for something else than one
    /// segment is refused: `.` and `..`, and what holds a separator, a second layer of encoding, or
    /// bytes that are no text.
    pub(super) fn of(raw: &str) -> Result<Self, MailgunError> {
        let segments = raw.split('/').filter(|segment| !segment.is_empty());
        segments.map(decoded).collect::<Result<_, _>>().map(Self)
    }

    /// The path as it is sent, with the query as it came.
    pub(super) fn sent(&self, query: &str) -> Result<PathAndQuery, MailgunError> {
        let mut sent = String::new();
        for segment in &self.0 {
            sent.push('/');
            sent.extend(utf8_percent_encode(segment, &ENCODED));
        }
        if !query.is_empty() {
            sent.push('?');
            sent.push_str(query);
        }
        let unsendable =
            |_| MailgunError::bad("the path or the query cannot be written in a request");
        sent.parse().map_err(unsendable)
    }

    /// Tells whether the path is for another server to know. Bare versions are nobody's, and
    /// webhooks of a domain or of the account are Waypost's own matter, in any version and
    /// spelling, unknown names below them included.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.0.len() > 1 && !self.is_webhooks()
    }

    /// Tells whether Waypost's own API keys are meant. Mailgun's public key stands among them, and
    /// is none.
    pub(super) fn is_keys(&self) -> bool {
        let is = |segment: &String, word: &str| segment.eq_ignore_ascii_case(word);
        match self.0.as_slice() {
            [version, keys] => version == "v1" && is(keys, "keys"),
            [version, keys, id] => version == "v1" && is(keys, "keys") && id != "public",
            _ => false,
        }
    }

    /// The webhooks of Mailgun's Alerts product are none: they tell of no events.
    fn is_webhooks(&self) -> bool {
        let is = |segment: &String, word: &str| segment.eq_ignore_ascii_case(word);
        let webhooks = |segment: &String| is(segment, "webhooks");
        match self.0.as_slice() {
            [_, first, ..] if webhooks(first) => true,
            [_, domains, _, third, ..] if is(domains, "domains") || is(domains, "domain") => {
                webhooks(third)
            }
            [_, domain, second, ..] => domain.contains('.') && webhooks(second),
            _ => false,
        }
    }

    /// The domain that the path is about, where one of its segments is a domain's place.
    pub(super) fn domain(&self) -> Option<DomainName> {
        let parts: Vec<&str> = self.0.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["v1" | "v2" | "v3" | "v4" | "v5", "domains", domain, ..]
            | ["v1", "dmarc", "records", domain]
            | ["v2", "x509", domain, ..] => domain.parse().ok(),
            // Where a domain stands, so do `lists`, `routes` and the like; a domain has a dot.
            ["v3", domain, _, ..] if domain.contains('.') => domain.parse().ok(),
            _ => None,
        }
    }

    /// The domain that mail is sent from by this request, if it is one that sends.
    pub(super) fn sends_from(&self, method: &Method) -> Option<DomainName> {
        match self.0.as_slice() {
            [version, domain, call]
                if version == "v3"
                    && domain.contains('.')
                    && matches!(call.as_str(), "messages" | "messages.mime")
                    && method == Method::POST =>
            {
                self.domain()
            }
            _ => None,
        }
    }
}

fn decoded(segment: &str) -> Result<String, MailgunError> {
    let text = percent_decode_str(segment).decode_utf8().ok();
    let unsafe_char = |c: char| matches!(c, '/' | '\\' | '%') || c.is_control();
    match text {
        Some(text) if !matches!(&*text, "." | "..") && !text.contains(unsafe_char) => {
            Ok(text.into_owned())
        }
        _ => Err(MailgunError::bad(format!(
            "Invalid path: expected segments that are text, none of them `.` or `..` or with `/`, \
             `\\`, `%` or a control character in it once decoded, found {}",
            excerpt(segment)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(raw: &str) -> Path {
        Path::of(raw).unwrap()
    }

    fn sent(raw: &str) -> String {
        path(raw).sent("").unwrap().to_string()
    }

    #[test]
    fn what_was_parsed_is_what_is_sent() {
        for (raw, expected) in [
            ("/v3/example.com/messages", "/v3/example.com/messages"),
            ("/v3/example.com/messages/", "/v3/example.com/messages"),
            ("/v3/%65xample.com/messages%2Emime", "/v3/example.com/messages.mime"),
            ("/v3/a.io/bounces/bob+x@b.io", "/v3/a.io/bounces/bob%2Bx%40b.io"),
            ("/v3/a.io/tags/my%20t%C3%A4g%3F%23%3B", "/v3/a.io/tags/my%20t%C3%A4g%3F%23%3B"),
        ] {
            assert_eq!(sent(raw), expected, "{raw}");
        }
        let with_query = path("/v3/a.io/events").sent("a=%2F&b=..&b").unwrap();
        assert_eq!(with_query, "/v3/a.io/events?a=%2F&b=..&b");
    }

    #[test]
    fn a_segment_that_could_be_read_otherwise_is_refused() {
        for segment in [
            ".", "..", "%2e", "%2E%2e", "a%2Fb", "a\\b", "%5C", "%252e", "100%", "%zz", "a%00",
            "%0D%0A", "%7F", "%C2%85", "%FF", "%C0%AE",
        ] {
            let refused = Path::of(&format!("/v3/{segment}/messages"));
            assert!(
                matches!(refused, Err(MailgunError::Message(status, _)) if status == 400),
                "{segment}"
            );
        }
    }

    #[test]
    fn webhooks_are_known_in_every_spelling() {
        for webhooks in [
            "/v1/webhooks/a/b",
            "/v5/webhooks",
            "/v3/domains/a.io/webhooks/clicked/more",
            "/v4/domains/a.io/webhooks/clicked",
            "/v1/DOMAINS/a.io/%57ebhooks",
            "/v2/domain/a.io/webhooks/x/y",
            "/v3/a.io/webhooks",
        ] {
            assert!(path(webhooks).is_webhooks(), "{webhooks}");
        }
        for other in ["/v3/a.io/tags/webhooks", "/v1/alerts/webhooks/test", "/v3/domains/a.io/ips"]
        {
            assert!(!path(other).is_webhooks(), "{other}");
        }
    }

    #[test]
    fn keys_are_ours_and_the_public_one_is_not() {
        for (raw, ours) in [
            ("/v1/keys", true),
            ("/v1/keys/key_1", true),
            ("/v1/keys/public", false),
            ("/v1/dkim/keys", false),
            ("/v4/domains/a.io/keys", false),
        ] {
            assert_eq!(path(raw).is_keys(), ours, "{raw}");
        }
    }

    #[test]
    fn a_domain_is_found_where_domains_stand_and_nowhere_else() {
        for (raw, domain) in [
            ("/v3/Example.com/messages", Some("example.com")),
            ("/v3/domains/example.com/ips", Some("example.com")),
            ("/v3/domains/messages/x", Some("messages")),
            ("/v4/domains/example.com/keys", Some("example.com")),
            ("/v1/dmarc/records/example.com", Some("example.com")),
            ("/v2/x509/example.com/status", Some("example.com")),
            ("/v3/lists/example.com", None),
            ("/v3/routes/1", None),
            ("/v3/example.com", None),
            ("/v4/example.com/messages", None),
            ("/v1/analytics/metrics", None),
            ("/v3/exam ple.com/messages", None),
        ] {
            assert_eq!(path(raw).domain().map(|name| name.to_string()).as_deref(), domain, "{raw}");
        }
    }

    #[test]
    fn mail_is_sent_by_two_calls() {
        let sends = |method, raw| path(raw).sends_from(&method).is_some();
        assert!(sends(Method::POST, "/v3/a.io/messages"));
        assert!(sends(Method::POST, "/v3/a.io/messages.mime"));
        for raw in [
            "/v3/a.io/messages/x",
            "/v3/a.io/Messages",
            "/v4/a.io/messages",
            "/v3/lists/messages",
            "/v3/domains/messages",
            "/v3/domains/a.io/messages",
        ] {
            assert!(!sends(Method::POST, raw), "{raw}");
        }
        assert!(!sends(Method::GET, "/v3/a.io/messages"));
    }

    proptest! {
        #[test]
        fn reading_what_is_sent_gives_what_was_read(raw in "(/[ -~é%./]{0,12}){0,6}") {
            if let Ok(path) = Path::of(&raw) {
                let sent = path.sent("").unwrap_or_else(|_| PathAndQuery::from_static("/"));
                prop_assert_eq!(Path::of(sent.path()).unwrap(), path);
            }
        }
    }
}
