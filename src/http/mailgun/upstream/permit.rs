//! The requests that pass to the upstream: a pure function of the key, the method, the path and the
//! headers.

use http::{HeaderMap, Method, StatusCode};

use super::path::Path;
use crate::http::Principal;
use crate::http::mailgun::answer::MailgunError;
use crate::model::Scope;

/// The methods that pass. `TRACE` would show a caller the key that its request was given.
const METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const METHOD_NAMES: &str = "GET, POST, PUT, PATCH, DELETE";

/// The subaccount that a request is made for.
const ON_BEHALF_OF: &str = "x-mailgun-on-behalf-of";

/// 401 for a key that only sends mail, wherever mail is not sent from a domain of its own.
pub(super) fn may_call(
    principal: &Principal,
    method: &Method,
    path: &Path,
) -> Result<(), MailgunError> {
    if principal.scope != Scope::Send {
        return Ok(());
    }
    match path.sends_from(method) {
        Some(domain) if principal.covers(&domain) => Ok(()),
        Some(_) | None => Err(MailgunError::Unauthorized),
    }
}

/// Judges whether a request passes: by what its key may do, then by how far the key reaches.
pub(super) fn may_pass(
    principal: &Principal,
    method: &Method,
    path: &Path,
    headers: &HeaderMap,
) -> Result<(), MailgunError> {
    may_call(principal, method, path)?;
    if !METHODS.contains(method) {
        return Err(MailgunError::Method(METHOD_NAMES.to_owned()));
    }
    if principal.scope == Scope::Read && method != Method::GET {
        return Err(MailgunError::forbidden());
    }
    if principal.domain.is_some() {
        match path.domain() {
            Some(domain) if principal.covers(&domain) => {}
            Some(_) => return Err(MailgunError::not_found("Domain not found")),
            None => return Err(MailgunError::forbidden()),
        }
    }
    let whole = principal.domain.is_none() && principal.scope == Scope::Manage;
    // Left out rather than refused, the header would have the request done for another account
    // than the one it was meant for.
    if headers.contains_key(ON_BEHALF_OF) && !whole {
        let message =
            "Forbidden: X-Mailgun-On-Behalf-Of takes a key that manages the whole account";
        return Err(MailgunError::Message(StatusCode::FORBIDDEN, message.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, KeyId};
    use waypost_compat::Dialect;

    fn judged(scope: Scope, domain: Option<&str>, asked: &str) -> u16 {
        let principal = Principal {
            account: AccountId::from_bytes([1; 16]),
            key: KeyId::from_bytes([1; 16]),
            dialect: Dialect::Mailgun,
            domain: domain.map(|name| name.parse().unwrap()),
            scope,
        };
        let mut words = asked.split(' ');
        let method: Method = words.next().unwrap().parse().unwrap();
        let path = Path::of(words.next().unwrap()).unwrap();
        let mut headers = HeaderMap::new();
        if words.next().is_some() {
            headers.insert(ON_BEHALF_OF, "subaccount".parse().unwrap());
        }
        match may_pass(&principal, &method, &path, &headers) {
            Ok(()) => 0,
            Err(MailgunError::Unauthorized) => 401,
            Err(MailgunError::Method(_)) => 405,
            Err(MailgunError::Message(status, _)) => status.as_u16(),
            Err(MailgunError::Store(_)) => unreachable!("nothing is asked of the store"),
        }
    }

    #[test]
    fn a_key_that_manages_the_account_passes_everywhere_for_subaccounts_too() {
        let all = |asked| judged(Scope::Manage, None, asked);
        for asked in
            ["POST /v3/a.io/messages", "DELETE /v3/routes/1", "PATCH /v1/x", "GET /v3/lists sub"]
        {
            assert_eq!(all(asked), 0, "{asked}");
        }
        for asked in ["TRACE /v3/routes", "CONNECT /v3/routes", "OPTIONS /v3/routes", "HI /v3/a"] {
            assert_eq!(all(asked), 405, "{asked}");
        }
    }

    #[test]
    fn a_key_that_reads_only_gets() {
        let reads = |asked| judged(Scope::Read, None, asked);
        assert_eq!(reads("GET /v3/a.io/events"), 0);
        assert_eq!(reads("POST /v3/a.io/messages"), 403);
        assert_eq!(reads("DELETE /v3/routes/1"), 403);
        assert_eq!(reads("GET /v3/a.io/events sub"), 403);
    }

    #[test]
    fn a_key_that_sends_only_sends() {
        for (domain, asked, expected) in [
            (None, "POST /v3/a.io/messages", 0),
            (None, "POST /v3/a.io/messages.mime", 0),
            (None, "POST /v3/a.io/messages sub", 403),
            (None, "GET /v3/a.io/messages", 401),
            (None, "GET /v3/a.io/events", 401),
            (None, "POST /v3/lists/messages", 401),
            (Some("a.io"), "POST /v3/A.io/messages", 0),
            (Some("a.io"), "POST /v3/b.io/messages", 401),
            (Some("lists"), "POST /v3/lists/messages", 401),
        ] {
            assert_eq!(judged(Scope::Send, domain, asked), expected, "{domain:?} {asked}");
        }
    }

    #[test]
    fn a_domains_key_stays_with_its_domain() {
        for (domain, asked, expected) in [
            ("a.io", "POST /v3/a.io/messages", 0),
            ("a.io", "GET /v3/%61.IO/events", 0),
            ("a.io", "GET /v3/domains/a.io/ips", 0),
            ("a.io", "GET /v3/b.io/events", 404),
            ("a.io", "GET /v3/domains/b.io/ips", 404),
            ("a.io", "GET /v3/a.io.b.io/events", 404),
            ("a.io", "GET /v3/lists/a.io", 403),
            ("a.io", "GET /v1/analytics/metrics", 403),
            ("a.io", "GET /v3/a.io/events sub", 403),
            ("lists", "GET /v3/lists/x", 403),
            ("domains", "GET /v3/domains/a.io/ips", 404),
        ] {
            assert_eq!(judged(Scope::Manage, Some(domain), asked), expected, "{domain} {asked}");
        }
    }
}
