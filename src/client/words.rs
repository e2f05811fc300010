//! A server's words: what an answer that is no success says, to whoever called.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::answer;
use crate::model::Timestamp;

/// The server's words, in whichever of its dialects' error shapes.
pub(super) fn message(answer: &Value) -> Option<String> {
    let error = answer.get("error");
    [answer.get("message"), error.and_then(|error| error.get("message")), error]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)
        .map(str::to_owned)
}

/// The wait that `Retry-After` asks for. A date is held against the server's own clock, not ours.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?;
    let date = |text: &HeaderValue| httpdate::parse_http_date(text.to_str().ok()?).ok();
    let now = headers.get(DATE).and_then(date);
    if now.is_none() && date(asked).is_some() {
        return None;
    }
    let now = now.and_then(|now| now.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    answer::retry_after(asked, Timestamp::default().plus(now))
}

/// The beginning of a body; of a web page its title.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4_000)]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.starts_with('<') {
        let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        let title = title.map_or("without a title", |(title, _)| title.trim());
        return format!("a web page: {}", title.chars().take(100).collect::<String>());
    }
    if text.is_empty() { "an empty answer".to_owned() } else { text.chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_to_come_back_at_is_held_against_the_servers_own_clock() {
        let asked = |pairs: &[(HeaderName, &'static str)]| {
            let pairs = pairs.iter().cloned();
            retry_after(&pairs.map(|(name, text)| (name, HeaderValue::from_static(text))).collect())
        };
        let (at, now) = ("Sun, 06 Nov 1994 08:49:47 GMT", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(asked(&[(RETRY_AFTER, at), (DATE, now)]), Some(Duration::from_secs(10)));
        assert_eq!(asked(&[(RETRY_AFTER, at)]), None);
        assert_eq!(asked(&[(RETRY_AFTER, "7")]), Some(Duration::from_secs(7)));
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn a_web_page_is_told_by_its_title() {
        let page = b"<!doctype html>\n<html><head><title>Welcome to nginx!</title></head>";
        assert_eq!(excerpt(page), "a web page: Welcome to nginx!");
        assert_eq!(excerpt(b"<p>hm"), "a web page: without a title");
        assert_eq!(excerpt(b""), "an empty answer");
    }

    #[test]
    fn the_servers_words_are_found_in_every_error_shape() {
        for answer in [
            json!({"message": "no"}),
            json!({"error": {"code": "x", "message": "no"}}),
            json!({"error": "no"}),
        ] {
            assert_eq!(message(&answer).as_deref(), Some("no"), "{answer}");
        }
    }
}
