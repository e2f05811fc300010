//! Headers on their way to the upstream and back.
//!
//! On the way out only those pass that Mailgun's API can have a use for: cookies, credentials for
//! other APIs, and what a reverse proxy adds about the network it stands in are nobody's business
//! there. On the way back everything passes but what concerns the one connection, and what would
//! speak for this server or of the upstream's key.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that pass to the upstream, beside `x-mailgun-…`.
const SENT: [HeaderName; 14] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    header::USER_AGENT,
];
const SENT_PREFIX: &str = "x-mailgun-";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Headers that concern one connection, and end with it.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Headers that an upstream may say of itself and not of this server; and the id of its key, which
/// is the key's end.
const ITS_OWN: [HeaderName; 5] = [
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("x-mailgun-key-id"),
];

/// The headers that go out with a request.
pub(super) fn sent(from: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(from);
    let passes = |name: &HeaderName| {
        let text = name.as_str();
        let useful =
            SENT.contains(name) || text == IDEMPOTENCY_KEY || text.starts_with(SENT_PREFIX);
        useful && !named.contains(name)
    };
    let pairs = from.iter().filter(|(name, _)| passes(name));
    let mut sent: HeaderMap = pairs.map(|(name, value)| (name.clone(), value.clone())).collect();
    // A length only where the length frames the body; in chunks it would be a second opinion.
    let length = from.get(header::CONTENT_LENGTH);
    if let Some(length) = length.filter(|_| !from.contains_key(header::TRANSFER_ENCODING)) {
        sent.insert(header::CONTENT_LENGTH, length.clone());
    }
    sent
}

/// Tells whether a request with these headers has a body, be it an empty one.
pub(super) fn announce_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING)
}

/// The length that a request announces for its body.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The headers that come back with an answer.
pub(super) fn answered(mut headers: HeaderMap) -> HeaderMap {
    for name in named_by_connection(&headers).iter().chain(&HOP_BY_HOP).chain(&ITS_OWN) {
        headers.remove(name);
    }
    headers
}

/// The headers that `Connection` names as concerning the connection alone. The length of a body is
/// none of them, whatever it says.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION);
    let texts = values.iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let names = texts.flat_map(|text| text.split(',')).filter_map(|name| name.trim().parse().ok());
    names.filter(|name| name != header::CONTENT_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let parsed = |(name, value): &(&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        pairs.iter().map(parsed).collect::<Vec<(HeaderName, HeaderValue)>>().into_iter().collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_what_the_api_has_a_use_for_goes_out() {
        let out = sent(&map(&[
            ("authorization", "Basic x"),
            ("host", "waypost"),
            ("cookie", "session=1"),
            ("x-api-key", "k"),
            ("x-mailstack-org", "o"),
            ("x-forwarded-for", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("via", "1.1 proxy"),
            ("expect", "100-continue"),
            ("upgrade", "h2c"),
            ("x-http-method-override", "DELETE"),
            ("connection", "keep-alive, Accept-Language, content-length"),
            ("accept-language", "de"),
            ("content-length", "7"),
            ("content-type", "text/plain"),
            ("user-agent", "mailgun-go/5"),
            ("x-mailgun-on-behalf-of", "sub"),
        ]));
        let expected = ["content-length", "content-type", "user-agent", "x-mailgun-on-behalf-of"];
        assert_eq!(names(&out), expected);
    }

    #[test]
    fn a_body_in_chunks_has_no_length() {
        let both = map(&[("content-length", "7"), ("transfer-encoding", "chunked")]);
        assert!(sent(&both).is_empty());
        assert!(announce_body(&both) && !announce_body(&map(&[("accept", "*/*")])));
    }

    #[test]
    fn what_is_the_upstreams_own_does_not_come_back() {
        let back = answered(map(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "timeout=5"),
            ("set-cookie", "a=b"),
            ("strict-transport-security", "max-age=1"),
            ("x-mailgun-key-id", "01234567-89abcdef"),
            ("content-type", "application/json"),
            ("x-ratelimit-limit", "300"),
        ]));
        assert_eq!(names(&back), ["content-type", "x-ratelimit-limit"]);
    }
}
