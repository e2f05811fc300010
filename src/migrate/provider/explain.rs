//! Refusals and silences of a server, told with what to do next.

use std::time::Duration;

use http::Method;
use waypost_compat::Dialect;

use super::Server;
use crate::client::api::CallError;
use crate::migrate::error::{Error, ErrorKind};

impl Server {
    /// The error of an answer that is not what the documentation promises.
    pub fn unexpected(&self, expected: &str) -> Error {
        Error::failed(format!(
            "expected {expected} from {}, found none; check {}: is it that API?",
            self.who(),
            self.url_flag()
        ))
    }

    /// Name and address.
    pub(super) fn who(&self) -> String {
        format!("{} at {}", self.name, self.url)
    }

    /// The flag that says where it is: of a gateway `--into` itself.
    fn url_flag(&self) -> String {
        let suffix = if self.dialect.is_some() { "-url" } else { "" };
        format!("--{}{suffix}", self.flag)
    }

    pub(super) fn explain(&self, method: &Method, path: &str, error: &CallError) -> Error {
        let (url_flag, who) = (self.url_flag(), self.who());
        match error {
            CallError::Refused { status: 401, .. } => {
                Error::refused(format!("{who} refused the key: {error}"))
                    .and(self.wrong_key(*method != Method::GET))
            }
            CallError::Refused { status, retry_after, .. } => {
                // A key belongs into no path; a long query tells nobody anything.
                let path = path.split('?').next().unwrap_or_default();
                let doing = format!("{who}: {method} {path}: {error}");
                self.explain_refusal(*status, *retry_after, (method, doing))
            }
            CallError::Unreachable { .. } => {
                let text = format!("{}: {error}", self.name);
                Error::new(ErrorKind::Unreachable, text).and(format_args!(
                    "check {url_flag} and the network, and run the same command again"
                ))
            }
            CallError::TooSlow { .. } => {
                let text = format!("{}: {error}", self.name);
                Error::new(ErrorKind::Unreachable, text).and(format_args!(
                    "check {url_flag} and run the same command again, with more --patience if it \
                     is always so slow"
                ))
            }
            CallError::NotJson { .. } | CallError::Unexpected { .. } => {
                Error::failed(format!("{}: {error}", self.name)).and(format_args!(
                    "check {url_flag}: it must be the base URL of the API, not of a website"
                ))
            }
            other => unsendable(other, self.flag, &url_flag),
        }
    }

    fn explain_refusal(
        &self,
        status: u16,
        retry_after: Option<Duration>,
        (method, doing): (&Method, String),
    ) -> Error {
        let (flag, url_flag) = (self.flag, self.url_flag());
        let changes = *method != Method::GET;
        let refused = Error::refused(doing.clone());
        match status {
            403 if self.dialect == Some(Dialect::MailStack) && !self.has_opened() => {
                refused.and(format_args!(
                    "check --{flag}-org: it must be the organisation that the token is for"
                ))
            }
            403 if changes => refused.and(format_args!(
                "the key may read but not change this; give --{flag}-key one that may and run the \
                 same command again"
            )),
            403 => refused.and(format_args!(
                "the key does not open this: give --{flag}-key one that opens the whole account"
            )),
            404 if changes && *method != Method::POST => Error::new(ErrorKind::NotFound, doing)
                .and("somebody has removed it; run `waypost migrate verify` and see what else"),
            404 => Error::new(ErrorKind::NotFound, doing).and(format_args!(
                "check {url_flag}: it must be the base URL of {}, without a path",
                self.dialect
                    .map_or_else(|| "a Waypost".to_owned(), |dialect| format!("{dialect}'s API"))
            )),
            429 => Error::failed(doing).and(format_args!(
                "it is too busy; {} and run the same command again, which goes on where it \
                 stopped, or give it more --patience",
                retry_after.filter(|asked| !asked.is_zero()).map_or_else(
                    || "wait a while".to_owned(),
                    |asked| format!("it asks for {} s: wait so long", asked.as_secs())
                )
            )),
            300..=399 => refused.and(format_args!("give {url_flag} the address that answers")),
            500.. => Error::new(ErrorKind::Unreachable, doing).and(
                "the server is in trouble; wait a while and run the same command again: it goes \
                 on where it stopped",
            ),
            _ => refused,
        }
    }

    /// Advice after a 401.
    fn wrong_key(&self, changes: bool) -> String {
        let flag = self.flag;
        if self.has_opened() && changes {
            return format!(
                "the key may read but not change this, or was just revoked; give --{flag}-key one \
                 that may and run the same command again"
            );
        }
        match self.dialect {
            // Mailgun answers a wrong region as it answers a wrong key (`spec/mailgun-api.md` §4).
            Some(Dialect::Mailgun) => format!(
                "either the key is wrong (--{flag}-key; a sending key opens nothing here), or the \
                 account is in Mailgun's other region, which answers the same: the US is at \
                 https://api.mailgun.net, the EU at https://api.eu.mailgun.net (--{flag}-url)"
            ),
            Some(Dialect::MailStack) => format!(
                "check --{flag}-key: MailStack takes a session's token, which expires, and no \
                 ms_live_ key"
            ),
            Some(Dialect::Posthawk | Dialect::Wistfare | Dialect::MailingApi) | None => {
                format!("check --{flag}-key, and that {} is the server it is for", self.url_flag())
            }
        }
    }
}

/// The error of a call that could not be made, with the flag to correct.
pub(in crate::migrate) fn unsendable(error: &CallError, flag: &str, url_flag: &str) -> Error {
    match error {
        CallError::Unwritable => Error::misuse(format!("--{flag}-key: {error}")),
        other => Error::misuse(format!("{url_flag}: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::api::Api;

    fn server(dialect: Dialect) -> Server {
        let api = Api::basic("https://api.mailgun.net", "key").unwrap();
        Server::new(api, "mailgun".into(), "https://api.mailgun.net", "from").of(dialect)
    }

    fn refused(status: u16) -> CallError {
        CallError::Refused { status, message: "no".to_owned(), retry_after: None }
    }

    #[test]
    fn mailguns_401_names_the_key_and_the_region() {
        let told = server(Dialect::Mailgun).explain(&Method::GET, "/v3/domains", &refused(401));
        let told = told.to_string();
        for word in ["--from-key", "--from-url", "api.eu.mailgun.net", "api.mailgun.net"] {
            assert!(told.contains(word), "{told}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        for status in [301, 401, 403, 404, 429, 500, 503] {
            for method in [Method::GET, Method::PUT] {
                let told = server(Dialect::Posthawk).explain(&method, "/v1/x?y", &refused(status));
                let told = told.to_string();
                assert!(told.contains(": no (") && !told.contains("?y"), "{told}");
                let next = told.split_once("; ").map(|(_, next)| next);
                assert!(next.is_some_and(|next| next.len() > 20), "{status}: {told}");
            }
        }
    }
}
