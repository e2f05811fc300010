//! Credentials, as a request presents them, and the principal they turn out to be.
//!
//! Credentials are extracted, never required by a filter: what a missing or wrong one is answered
//! with depends on the dialect.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use warp::Filter;
use warp::http::HeaderMap;
use waypost_compat::Dialect;

use super::App;
use crate::model::{AccountId, DomainName, KeyHash, KeyId, Scope};
use crate::store;

/// What a request presents, unjudged.
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

/// Who a credential turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// The key that was presented.
    pub key: KeyId,
    /// The dialect whose API the key opens.
    pub dialect: Dialect,
    /// The one domain it is bound to, or all of the account's.
    pub domain: Option<DomainName>,
    /// What it may do.
    pub scope: Scope,
}

/// A credential, and whose key it turned out to be.
pub(super) struct Presented {
    /// The credential.
    pub(super) key: String,
    /// Whose it is; `None` if it is nobody's.
    pub(super) principal: Result<Option<Principal>, store::Error>,
}

impl Principal {
    /// Whether it may touch this domain.
    #[must_use]
    pub fn covers(&self, domain: &DomainName) -> bool {
        self.domain.as_ref().is_none_or(|own| own == domain)
    }
}

/// Extracts whatever credentials a request carries.
pub(super) fn credentials() -> impl Filter<Extract = (Credentials,), Error = Infallible> + Clone {
    warp::header::headers_cloned().map(|headers: HeaderMap| Credentials::of(&headers))
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
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

impl App {
    /// A credential with whatever it opens; `None` where the request has none.
    pub(super) async fn presented(&self, key: Option<&str>) -> Option<Presented> {
        let key = key?;
        Some(Presented { key: key.to_owned(), principal: self.principal(key).await })
    }

    /// Whose key this is; `None` if it is nobody's, or has expired.
    pub(super) async fn principal(&self, key: &str) -> Result<Option<Principal>, store::Error> {
        let Some(key) = self.directory.key_by_hash(&KeyHash::of(key)).await? else {
            return Ok(None);
        };
        if key.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Ok(None);
        }
        Ok(Some(Principal {
            account: key.account,
            key: key.id,
            dialect: key.dialect,
            domain: key.domain,
            scope: key.scope,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderName;

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
