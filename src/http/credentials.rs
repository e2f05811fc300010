//! Credentials, as a request presents them, unjudged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

/// The credentials of a request, each in its place.
#[derive(Clone, Default)]
pub struct Credentials {
    /// User name and password of `Authorization: Basic`.
    pub basic: Option<(String, String)>,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// `X-API-Key`.
    pub api_key: Option<String>,
    /// `X-MailStack-Org`.
    pub org: Option<String>,
    /// `Host`, in lower case, without a port.
    pub host: Option<String>,
}

impl Credentials {
    /// Reads whatever credentials a request carries.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // What is not text is replaced, not passed over: a credential that is there but cannot be
        // right must not make way for the next one.
        let text =
            |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let owned = |name: &str| text(name).map(|value| value.trim().to_owned());
        let authorization = text("authorization");
        let authorization = authorization.as_ref().and_then(|value| value.split_once(' '));
        let of_scheme = |wanted: &str| {
            authorization
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted))
                .map(|(_, rest)| rest.trim())
        };
        let host = text("host").map(|host| {
            let name = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
                _ => &host,
            };
            name.to_ascii_lowercase()
        });
        Self {
            basic: of_scheme("basic").and_then(basic),
            bearer: of_scheme("bearer").map(str::to_owned),
            api_key: owned("x-api-key"),
            org: owned("x-mailstack-org"),
            host,
        }
    }
}

fn basic(encoded: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn credentials(headers: &[(&'static str, &str)]) -> Credentials {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Credentials::of(&pairs.collect())
    }

    #[test]
    fn basic_credentials_are_split_at_the_first_colon() {
        let encoded = STANDARD.encode("api:key:with:colons");
        for scheme in ["Basic", "basic", "BASIC"] {
            let found = credentials(&[("authorization", &format!("{scheme} {encoded}"))]);
            assert_eq!(found.basic, Some(("api".to_owned(), "key:with:colons".to_owned())));
            assert_eq!(found.bearer, None);
        }
        for nonsense in ["Basic", "Basic ", "Basic !!!", "Basic YXBp", "Basic /w=="] {
            assert_eq!(credentials(&[("authorization", nonsense)]).basic, None, "{nonsense}");
        }
    }

    #[test]
    fn other_credentials_are_taken_as_they_are() {
        let found = credentials(&[
            ("authorization", "bearer  a.b.c "),
            ("x-api-key", "k"),
            ("x-mailstack-org", "org_1"),
        ]);
        assert_eq!(found.bearer.as_deref(), Some("a.b.c"));
        assert_eq!(found.api_key.as_deref(), Some("k"));
        assert_eq!(found.org.as_deref(), Some("org_1"));
    }

    #[test]
    fn the_host_loses_its_port_and_its_case() {
        let cases = [
            ("Hooks.Example.com:8740", "hooks.example.com"),
            ("hooks.example.com", "hooks.example.com"),
            ("[::1]:8740", "[::1]"),
            ("[::1]", "[::1]"),
        ];
        for (sent, name) in cases {
            assert_eq!(credentials(&[("host", sent)]).host.as_deref(), Some(name), "{sent}");
        }
    }
}
