//! Requests: a webhook's URL, headers and body as HTTP has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use crate::model::WebhookUrl;

/// The request that delivers `body` to `url`.
///
/// The host is the one that the `url` crate understood, so that what is checked is what is called:
/// `http://2130706433/` is `127.0.0.1`.
pub(super) fn of(
    url: &WebhookUrl,
    headers: &[(&'static str, String)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    let url = url.parsed();
    let uri = uri(&url).ok_or("the URL cannot be written in an HTTP request")?;
    let mut request = Request::post(uri)
        .body(Full::new(body))
        .map_err(|error| format!("no request can be made: {error}"))?;
    let map = request.headers_mut();
    map.insert(ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(credentials) = credentials(&url) {
        map.insert(AUTHORIZATION, credentials);
    }
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            map.insert(name, value);
        }
    }
    Ok(request)
}

/// Scheme, host, port, path and query: no userinfo, no fragment.
fn uri(url: &url::Url) -> Option<Uri> {
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Uri::builder().scheme(url.scheme()).authority(authority).path_and_query(path).build().ok()
}

/// Userinfo as Basic credentials.
fn credentials(url: &url::Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let user = percent_decode_str(url.username());
    let password = percent_decode_str(url.password().unwrap_or_default());
    let plain: Vec<u8> = user.chain(std::iter::once(b':')).chain(password).collect();
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request<Full<Bytes>> {
        of(&url.parse().unwrap(), &[], Bytes::new()).unwrap()
    }

    #[test]
    fn userinfo_becomes_basic_credentials_and_leaves_the_uri() {
        let request = request("https://us%40er:p%3Aw@example.com:8443/hook?a=b#part");
        assert_eq!(request.uri(), "https://example.com:8443/hook?a=b");
        let expected = format!("Basic {}", STANDARD.encode("us@er:p:w"));
        assert_eq!(request.headers()[AUTHORIZATION], expected);
    }

    #[test]
    fn every_spelling_of_a_host_is_called_by_its_plain_name() {
        for (url, uri) in [
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://0x7f.1:80/", "http://127.0.0.1/"),
            ("http://0177.0.0.1/a", "http://127.0.0.1/a"),
            ("http://[::ffff:127.0.0.1]:8080/", "http://[::ffff:7f00:1]:8080/"),
            ("http://EXAMPLE.com", "http://example.com/"),
            ("http://bücher.example/ü?q=ü{|}", "http://xn--bcher-kva.example/%C3%BC?q=%C3%BC{|}"),
        ] {
            assert_eq!(request(url).uri(), uri, "{url}");
        }
    }

    #[test]
    fn a_header_that_http_does_not_allow_is_left_out() {
        let headers = [("X-Good", "1".to_owned()), ("X-Bad", "a\r\nb".to_owned())];
        let url = "http://example.com".parse().unwrap();
        let request = of(&url, &headers, Bytes::new()).unwrap();
        assert_eq!(request.headers()["x-good"], "1");
        assert!(!request.headers().contains_key("x-bad"));
    }
}
