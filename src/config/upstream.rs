//! The upstream: the Mailgun account that requests are passed to which Waypost does not serve.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};
use waypost_compat::Secret;

/// A server that requests are passed to, and the key that they go with.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Scheme, host and port; no path, query or userinfo.
    pub base: Url,
    /// An API key of the account there.
    pub key: Secret,
}

impl Upstream {
    /// The upstream that two flags name: both of them, or none.
    pub(super) fn of(base: Option<&Url>, key: Option<&Secret>) -> Result<Option<Self>, String> {
        match (base, key) {
            (None, None) => Ok(None),
            (Some(base), Some(key)) if can_travel(key.expose()) => {
                Ok(Some(Self { base: base.clone(), key: key.clone() }))
            }
            // The key is not repeated: this text ends up in logs.
            (Some(_), Some(_)) => Err("--mailgun-upstream-key (WAYPOST_MAILGUN_UPSTREAM_KEY): \
                                       expected 8 to 256 printable ASCII characters"
                .to_owned()),
            (Some(_), None) => Err("--mailgun-upstream: expected --mailgun-upstream-key \
                                    (WAYPOST_MAILGUN_UPSTREAM_KEY) beside it, an API key of the \
                                    account there, found none"
                .to_owned()),
            (None, Some(_)) => Err("--mailgun-upstream-key: expected --mailgun-upstream \
                                    (WAYPOST_MAILGUN_UPSTREAM) beside it, such as \
                                    `https://api.mailgun.net`, found none"
                .to_owned()),
        }
    }

    /// True if it is recognisably the server that listens on `bound` and that others know by
    /// `public_url`: what is passed there would come back for ever.
    #[must_use]
    pub fn is_server(&self, bound: SocketAddr, public_url: &str) -> bool {
        let public = Url::parse(public_url).ok();
        if public.is_some_and(|public| public.origin() == self.base.origin()) {
            return true;
        }
        let same_port = self.base.port_or_known_default() == Some(bound.port());
        let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        same_port
            && match self.address() {
                Some(ip) => ip == bound.ip() || (here(ip) && here(bound.ip())),
                None => self.is_localhost() && here(bound.ip()),
            }
    }

    /// True if its key travels in the clear over a network.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        let local = self.address().is_some_and(|ip| ip.is_loopback()) || self.is_localhost();
        self.base.scheme() == "http" && !local
    }

    fn address(&self) -> Option<IpAddr> {
        match self.base.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(IpAddr::from(address).to_canonical()),
            Host::Domain(_) => None,
        }
    }

    fn is_localhost(&self) -> bool {
        let name = self.base.host_str().unwrap_or_default().trim_end_matches('.');
        name == "localhost" || name.ends_with(".localhost")
    }
}

/// True if a key can be the password of `Authorization: Basic`.
fn can_travel(key: &str) -> bool {
    (8..=256).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads a base URL: http or https, a host, and nothing behind it, since a request keeps its own
/// path and query.
pub(super) fn base(text: &str) -> Result<Url, String> {
    let expected = "expected a URL such as `https://api.mailgun.net`";
    let url = Url::parse(text).map_err(|_| expected.to_owned())?;
    let has_host = url.host_str().is_some_and(|host| !host.is_empty());
    if !matches!(url.scheme(), "http" | "https") || !has_host {
        return Err(expected.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{expected}, found one with a user or a key in it; the key goes into --mailgun-upstream-key"
        ));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{expected}, found one with something behind the host; versions such as `/v3` are part of each request"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(url: &str) -> Upstream {
        Upstream { base: base(url).unwrap(), key: Secret::new("key-of-a-test") }
    }

    #[test]
    fn a_base_url_is_scheme_host_and_port() {
        for good in ["https://api.mailgun.net", "https://api.eu.mailgun.net/", "http://[::1]:9"] {
            assert!(base(good).is_ok(), "{good}");
        }
        let told = |text: &str| base(text).unwrap_err();
        for bad in ["api.mailgun.net", "ftp://api.mailgun.net", "https://", ""] {
            assert_eq!(told(bad), "expected a URL such as `https://api.mailgun.net`", "{bad}");
        }
        assert!(told("https://api.mailgun.net/v3").contains("versions such as `/v3`"));
        assert!(told("https://api.mailgun.net?a").contains("behind the host"));
        assert!(told("https://api:k@api.mailgun.net").contains("--mailgun-upstream-key"));
    }

    #[test]
    fn a_url_and_a_key_come_together_and_the_key_is_never_repeated() {
        let (url, key) = (base("https://a.example").unwrap(), Secret::new("sekret-with-ü"));
        assert!(Upstream::of(None, None).unwrap().is_none());
        for (url, key, wanted) in [
            (Some(&url), None, "--mailgun-upstream-key (WAYPOST_MAILGUN_UPSTREAM_KEY) beside it"),
            (None, Some(&key), "--mailgun-upstream (WAYPOST_MAILGUN_UPSTREAM) beside it"),
            (Some(&url), Some(&key), "printable ASCII"),
        ] {
            let told = Upstream::of(url, key).unwrap_err();
            assert!(told.contains(wanted), "{told}");
            assert!(!told.contains("sekret"), "{told}");
        }
        let good = Upstream::of(Some(&url), Some(&Secret::new("key-0123456789"))).unwrap();
        assert!(!format!("{good:?}").contains("0123456789"));
    }

    #[test]
    fn a_server_is_recognised_as_its_own_upstream() {
        let bound: SocketAddr = "127.0.0.1:8740".parse().unwrap();
        let public = "https://hooks.example.com";
        for itself in [
            "http://127.0.0.1:8740",
            "http://localhost:8740/",
            "http://127.1:8740",
            "http://[::1]:8740",
            "http://0.0.0.0:8740",
            "https://HOOKS.example.com:443",
        ] {
            assert!(upstream(itself).is_server(bound, public), "{itself}");
        }
        for other in ["http://127.0.0.1:8741", "https://api.mailgun.net", "http://10.0.0.1:8740"] {
            assert!(!upstream(other).is_server(bound, public), "{other}");
        }
        let anywhere: SocketAddr = "0.0.0.0:8740".parse().unwrap();
        assert!(upstream("http://localhost:8740").is_server(anywhere, public));
        assert!(!upstream("http://10.0.0.1:8740").is_server(anywhere, public));
    }

    #[test]
    fn a_key_travels_in_the_clear_over_http_unless_to_this_machine() {
        assert!(upstream("http://mail.example.com").is_in_clear());
        for safe in ["https://mail.example.com", "http://127.0.0.1:9", "http://localhost:9"] {
            assert!(!upstream(safe).is_in_clear(), "{safe}");
        }
    }
}
