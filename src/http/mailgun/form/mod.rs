//! The fields of a request, in every encoding that Mailgun's clients send them in
//! (`spec/mailgun-api.md` §1.2, §5.1).

mod json;

use std::convert::Infallible;

use futures_util::stream;
use http::Method;
use multer::Multipart;
use percent_encoding::percent_decode;

use super::answer::{MailgunError, excerpt};
use crate::http::App;
use crate::http::body::Body;
use crate::http::call::Call;

/// The most fields taken, query included. The longest form of Mailgun's API has some thirty.
const FIELDS_MAX: usize = 256;

/// The longest multipart boundary taken; RFC 2046 allows 70 bytes.
const BOUNDARY_BYTES_MAX: usize = 200;

/// Named values in the order in which they came, those of the body before those of the query, as
/// the framework that Mailgun is built on merges them. A field without a value counts as absent.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads the fields of a request. The body of a `GET` is not looked at.
    pub(super) async fn of(call: &Call, app: &App) -> Result<Self, MailgunError> {
        let body = match call.method {
            Method::GET => Body::default(),
            _ => call.body(app.settings.body_bytes_max).await?,
        };
        Self::read(&body, &call.query).await
    }

    async fn read(body: &Body, query: &str) -> Result<Self, MailgunError> {
        let mut fields = body_fields(body).await?;
        fields.extend(urlencoded(query.as_bytes(), "query")?);
        if fields.len() > FIELDS_MAX {
            return Err(too_many());
        }
        fields.retain(|(_, value)| !value.is_empty());
        Ok(Self { fields })
    }

    /// Every value of a field, which may be written `name`, `name[]` or `name[0]`.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = move |(key, _): &&(String, String)| match key.strip_prefix(name) {
            Some("") => true,
            Some(index) => is_index(index),
            None => false,
        };
        self.fields.iter().filter(named).map(|(_, value)| value.as_str())
    }

    /// The first value of a field.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// The first value of a field that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, MailgunError> {
        self.one(name).ok_or_else(|| MailgunError::missing(name))
    }

    /// A flag, in each way that clients write one.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, MailgunError> {
        let Some(text) = self.one(name) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" | "on" => Ok(Some(true)),
            "false" | "no" | "0" | "off" => Ok(Some(false)),
            _ => Err(MailgunError::malformed(name, text)),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, MailgunError> {
        let parsed = self
            .one(name)
            .map(|text| text.parse::<u64>().map_err(|_| MailgunError::malformed(name, text)));
        parsed.transpose()
    }
}

fn is_index(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn body_fields(body: &Body) -> Result<Vec<(String, String)>, MailgunError> {
    // Whatever its type, what is empty has no fields. Clients that send none still name a type.
    if body.bytes.is_empty() {
        return Ok(Vec::new());
    }
    let Some(content_type) = body.content_type.as_deref() else {
        return Err(unexpected("no Content-Type"));
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => urlencoded(&body.bytes, "body"),
        "multipart/form-data" => match boundary(content_type) {
            Some(boundary) => multipart(body, boundary).await,
            None => Err(unexpected("multipart/form-data without a boundary")),
        },
        // The error repeats what it found, which may be all of the body.
        "application/json" => json::fields(&body.bytes).map_err(|error| {
            MailgunError::bad(format!("Invalid request body: {}", excerpt(&error.to_string())))
        }),
        _ => Err(unexpected(&format!("{:?}", excerpt(content_type)))),
    }
}

fn unexpected(found: &str) -> MailgunError {
    MailgunError::bad(format!(
        "Invalid request body: expected application/x-www-form-urlencoded, multipart/form-data or \
         application/json, found {found}"
    ))
}

fn too_many() -> MailgunError {
    MailgunError::bad(format!("Invalid request: expected at most {FIELDS_MAX} fields, found more"))
}

fn urlencoded(bytes: &[u8], place: &str) -> Result<Vec<(String, String)>, MailgunError> {
    if bytes.iter().filter(|byte| **byte == b'&').count() >= FIELDS_MAX {
        return Err(too_many());
    }
    // The separators are ASCII, so the whole is UTF-8 exactly if each field is.
    if percent_decode(bytes).decode_utf8().is_err() {
        return Err(MailgunError::bad(format!("Invalid request {place}: expected UTF-8")));
    }
    serde_urlencoded::from_bytes(bytes)
        .map_err(|error| MailgunError::bad(format!("Invalid request {place}: {error}")))
}

/// The `boundary` parameter, quoted or not. What MIME would insist on quoting is let pass.
fn boundary(content_type: &str) -> Option<String> {
    let (_, mut rest) = content_type.split_once(';')?;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, tail) = quoted.split_once('"')?;
                (value, tail.split_once(';').map_or("", |(_, next)| next))
            }
            None => after.split_once(';').unwrap_or((after, "")),
        };
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim();
            let fits = !value.is_empty() && value.len() <= BOUNDARY_BYTES_MAX;
            return fits.then(|| value.to_owned());
        }
        rest = next;
    }
}

async fn multipart(body: &Body, boundary: String) -> Result<Vec<(String, String)>, MailgunError> {
    let bytes = body.bytes.clone();
    let whole = stream::once(async move { Ok::<_, Infallible>(bytes) });
    let mut parts = Multipart::new(whole, boundary);
    let mut fields = Vec::new();
    loop {
        let part = match parts.next_field().await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok(fields),
            Err(error) => return Err(broken(&error)),
        };
        if fields.len() == FIELDS_MAX {
            return Err(too_many());
        }
        let name = part.name().unwrap_or_default().to_owned();
        let charset = part.content_type().and_then(|mime| mime.get_param("charset"));
        let utf_8 = charset.is_none_or(|name| name == "utf-8" || name == "us-ascii");
        let value = if utf_8 {
            let bytes = part.bytes().await.map_err(|error| broken(&error))?;
            String::from_utf8(bytes.into()).map_err(|_| {
                MailgunError::bad(format!("Invalid request body: {name}: expected UTF-8"))
            })?
        } else {
            part.text().await.map_err(|error| broken(&error))?
        };
        fields.push((name, value));
    }
}

fn broken(error: &multer::Error) -> MailgunError {
    MailgunError::bad(format!(
        "Invalid request body: expected multipart/form-data with the boundary that Content-Type \
         names, found: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::BodyError;

    fn body(content_type: Option<&str>, bytes: &[u8]) -> Body {
        Body { content_type: content_type.map(str::to_owned), bytes: bytes.to_vec().into() }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        futures_util::FutureExt::now_or_never(future).expect("all the bytes are there")
    }

    fn read(content_type: Option<&str>, bytes: &[u8]) -> Form {
        now(Form::read(&body(content_type, bytes), "")).unwrap()
    }

    fn refused(content_type: Option<&str>, bytes: &[u8]) -> String {
        match now(Form::read(&body(content_type, bytes), "")).unwrap_err() {
            MailgunError::Message(status, text) if status == 400 => text,
            other => panic!("expected 400, found {other:?}"),
        }
    }

    const URLENCODED: Option<&str> = Some("application/x-www-form-urlencoded");

    #[test]
    fn every_spelling_of_a_repeated_field_is_the_same_field() {
        let form = read(URLENCODED, b"url=a&url[]=b&url%5B0%5D=c&urls=d&url[x]=e&url=");
        assert_eq!(form.all("url").collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn the_query_adds_to_the_body_and_bare_keys_count_as_absent() {
        let body = body(URLENCODED, b"id=clicked&smtp_password");
        let form = now(Form::read(&body, "url=http%3A%2F%2Fa%2Cb&id=opened")).unwrap();
        assert_eq!(form.one("id"), Some("clicked"));
        assert_eq!(form.one("url"), Some("http://a,b"));
        assert_eq!(form.one("smtp_password"), None);
    }

    #[test]
    fn an_empty_body_has_no_fields_whatever_its_type() {
        for content_type in
            [None, URLENCODED, Some("application/json"), Some("multipart/form-data")]
        {
            assert!(read(content_type, b"").fields.is_empty(), "{content_type:?}");
        }
        let empty = b"--6b00.9108--\r\n";
        assert!(read(Some("multipart/form-data; boundary=\"6b00.9108\""), empty).fields.is_empty());
        assert!(
            read(Some("multipart/form-data; boundary=6b00.9108"), &empty[..13]).fields.is_empty()
        );
    }

    #[test]
    fn multipart_is_read_with_each_boundary_and_part_style() {
        let types = [
            "multipart/form-data; boundary=X",
            "multipart/form-data;boundary=\"X\"",
            "Multipart/Form-Data; charset=UTF-8; Boundary=X",
            "multipart/form-data; boundary=X; charset=utf-8",
        ];
        let body = b"--X\r\nContent-Disposition: form-data; name=\"url\"\r\nContent-Length: 3\r\n\r\na,b\r\n\
            --X\r\ncontent-disposition: form-data; name=url\r\n\
            Content-Type: text/plain; charset=UTF-8\r\n\r\n\xc3\xbc\r\n--X--\r\n";
        for content_type in types {
            let form = read(Some(content_type), body);
            assert_eq!(form.all("url").collect::<Vec<_>>(), ["a,b", "\u{fc}"], "{content_type}");
        }
    }

    #[test]
    fn a_json_object_is_read_as_fields_beside_those_of_the_query() {
        let json = Some("Application/JSON; charset=utf-8");
        let form = now(Form::read(&body(json, b"{}"), "self=true")).unwrap();
        assert_eq!(form.flag("self").unwrap(), Some(true));
        let body = body(json, br#"{"url":["a","b"],"limit":5,"skip":"","wildcard":false}"#);
        let form = now(Form::read(&body, "url=c&limit=6")).unwrap();
        assert_eq!(form.all("url").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!((form.number("limit").unwrap(), form.number("skip").unwrap()), (Some(5), None));
        assert_eq!(form.flag("wildcard").unwrap(), Some(false));
    }

    #[test]
    fn a_part_in_another_charset_is_decoded() {
        let body = b"--X\r\nContent-Disposition: form-data; name=\"description\"\r\n\
            Content-Type: text/plain; charset=ISO-8859-1\r\n\r\n\xfc\r\n--X--\r\n";
        let form = read(Some("multipart/form-data; boundary=X"), body);
        assert_eq!(form.one("description"), Some("\u{fc}"));
    }

    #[test]
    fn a_refusal_says_what_was_expected_and_what_was_found() {
        let xml = refused(Some("application/xml"), b"<a/>");
        assert!(xml.ends_with("found \"application/xml\""), "{xml}");
        let json = refused(Some("application/json"), b"[1]");
        assert!(json.contains("expected a JSON object"), "{json}");
        let none = refused(None, b"url=a");
        assert!(none.ends_with("found no Content-Type"), "{none}");
        let bare = refused(Some("multipart/form-data"), b"--X--");
        assert!(bare.ends_with("multipart/form-data without a boundary"), "{bare}");
        let other = refused(Some("multipart/form-data; boundary=Y"), b"--X\r\n\r\na\r\n--X--");
        assert!(other.contains("with the boundary that Content-Type names"), "{other}");
        assert_eq!(refused(URLENCODED, b"url=%ff"), "Invalid request body: expected UTF-8");
        let many = "a=b&".repeat(FIELDS_MAX + 1);
        assert!(refused(URLENCODED, many.as_bytes()).contains("at most 256 fields"));
    }

    #[test]
    fn a_body_that_never_came_is_refused_with_its_own_status() {
        let refusal = MailgunError::from(BodyError::TooLarge { limit: 10 });
        assert_eq!(refusal.into_response().status(), 413);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_of_any_type_are_read_or_refused(
            content_type in proptest::option::of(
                "(application/x-www-form-urlencoded|application/json|multipart/form-data(; ?[a-z]{1,8}=\"?[-X;\"=a-z]{0,6}\"?)*|.{0,20})"
            ),
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'-'), Just(b'X'), Just(b'\r'), Just(b'\n'), Just(b'{'), Just(b'"')], 0..200),
            query in "[-&=%a-f0-9\\[\\]]{0,40}",
        ) {
            let _ = now(Form::read(&body(content_type.as_deref(), &bytes), &query));
        }
    }
}
