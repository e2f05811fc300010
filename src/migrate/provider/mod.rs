//! One side of a migration, over the provider's public API and nothing else.

mod explain;
mod mailgun;
mod rows;
mod secrets;
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, Method};
use serde_json::Value;
use waypost_compat::{Dialect, Secret};

use super::error::{Error, ErrorKind};
use super::plan::{NewRow, RowFields};
use super::progress::Progress;
use super::{Row, State};
use crate::behaviour::Behaviour;
use crate::client::api::{Api, Payload};

pub(super) use explain::unsendable;
pub use mailgun::{Account, MailgunDomain, some_of};
pub(super) use mailgun::{domain_form, domains as domain_names};
pub use server::{PATIENCE, Repeat, Server};

/// The documented address of each provider's API.
const HOSTS: [(Dialect, &str); 5] = [
    (Dialect::Mailgun, "https://api.mailgun.net"),
    (Dialect::Posthawk, "https://api.posthawk.dev"),
    (Dialect::MailStack, "https://api.mailstack.voostack.com"),
    (Dialect::Wistfare, "https://mail.wistfare.com"),
    (Dialect::MailingApi, "https://api.mailingapi.com"),
];

/// The documented address of a provider's API.
#[must_use]
pub fn documented_url(dialect: Dialect) -> &'static str {
    let host = HOSTS.iter().find(|(known, _)| *known == dialect);
    host.expect("every dialect has a row in the table above").1
}

/// A base URL without the version that an SDK's is often written with.
fn bare(url: &str, dialect: Dialect) -> &str {
    let versions: &[&str] = match dialect {
        Dialect::Mailgun => &["/v1", "/v2", "/v3", "/v4", "/v5"],
        Dialect::Wistfare => &["/api/v1"],
        Dialect::Posthawk | Dialect::MailStack | Dialect::MailingApi => &["/v1"],
    };
    versions.iter().find_map(|version| url.strip_suffix(version)).unwrap_or(url)
}

/// Gives rows that were read from a file the secrets that their APIs do not show.
pub fn give_secrets(rows: &mut [Row], given: &BTreeMap<String, Secret>) -> Result<(), Error> {
    secrets::give(rows, given, &BTreeMap::new())
}

/// Tells whether two base URLs are of one server, however they are written.
#[must_use]
pub fn same_server(one: &str, other: &str) -> bool {
    let place = |text: &str| {
        let url = url::Url::parse(text).ok()?;
        let path = url.path().trim_end_matches('/');
        let versions = ["/api/v1", "/v1", "/v2", "/v3", "/v4", "/v5"];
        let bare = versions.iter().find_map(|version| path.strip_suffix(version)).unwrap_or(path);
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        Some((host, url.port_or_known_default(), bare.to_owned()))
    };
    place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

/// The address of a provider, and the credentials to speak to it.
pub struct Connection<'a> {
    /// The provider.
    pub dialect: Dialect,
    /// The base URL.
    pub url: &'a str,
    /// The API key.
    pub key: &'a str,
    /// The organisation (MailStack).
    pub org: Option<&'a str>,
    /// The flags that name it, `from` or `to`: for messages.
    pub flag: &'static str,
}

/// A provider's API.
pub struct Provider {
    dialect: Dialect,
    server: Server,
    /// Secrets that its API does not show, by row: whoever runs the migration has them.
    secrets: BTreeMap<String, Secret>,
}

/// A webhook that was just made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The id.
    pub id: String,
    /// The secret, where the answer shows it.
    pub secret: Option<String>,
}

impl Provider {
    /// Speaks to a provider. Nothing is sent yet.
    pub fn connect(to: &Connection<'_>) -> Result<Self, Error> {
        let bearer = format!("Bearer {}", to.key);
        let api_key = HeaderName::from_static("x-api-key");
        let org = HeaderName::from_static("x-mailstack-org");
        let url = to.url.trim_end_matches('/');
        let (url, flag) = (bare(url, to.dialect), to.flag);
        let api = match to.dialect {
            Dialect::Mailgun => Api::basic(url, to.key),
            Dialect::Posthawk => Api::new(url, &[(api_key, to.key)]),
            Dialect::Wistfare => Api::new(url, &[(api_key, to.key)]),
            Dialect::MailStack => {
                let Some(named) = to.org else {
                    let text = format!("mailstack needs an organisation: give --{flag}-org org_…");
                    return Err(Error::misuse(text));
                };
                Api::new(url, &[(AUTHORIZATION, &bearer), (org, named)])
            }
            Dialect::MailingApi => Api::new(url, &[(AUTHORIZATION, &bearer)]),
        };
        let api = api.map_err(|error| unsendable(&error, flag, &format!("--{flag}-url")))?;
        let server = Server::new(api, to.dialect.to_string(), url, flag);
        Ok(Self { dialect: to.dialect, server: server.of(to.dialect), secrets: BTreeMap::new() })
    }

    /// The same, whose calls are tried for so long.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { server: self.server.patient(patience), ..self }
    }

    /// The same, knowing secrets that its API does not show.
    #[must_use]
    pub fn knowing(self, secrets: BTreeMap<String, Secret>) -> Self {
        Self { secrets, ..self }
    }

    /// The provider.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Reads what it has: for Mailgun the lists of `domains` and the account's entries, for the
    /// others the rows that the key opens.
    pub async fn read(
        &self,
        domains: &[String],
        progress: &mut dyn Progress,
    ) -> Result<State, Error> {
        if Behaviour::of(self.dialect).has_lists() {
            return mailgun::read(&self.server, domains, progress).await;
        }
        let (mut rows, hints) = rows::read(&self.server, self.dialect, progress).await?;
        secrets::give(&mut rows, &self.secrets, &hints)?;
        Ok(State { rows, ..State::default() })
    }

    /// Everything that a Mailgun account has to be taken over.
    pub async fn read_account(
        &self,
        only: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<Account, Error> {
        mailgun::read_account(&self.server, only, progress).await
    }

    /// The names of a Mailgun account's domains.
    pub async fn domains(&self, progress: &mut dyn Progress) -> Result<Vec<String>, Error> {
        mailgun::domains(&self.server, progress).await
    }

    /// The key that a Mailgun account signs its webhooks with; `None` where its API does not say.
    pub async fn signing_key(&self, progress: &mut dyn Progress) -> Result<Option<Secret>, Error> {
        mailgun::signing_key(&self.server, progress).await
    }

    /// Replaces the URLs of an event name of a Mailgun domain, in one call.
    pub async fn set_list(
        &self,
        (domain, event): (&str, &str),
        was: &[String],
        urls: &[String],
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        mailgun::set_list(&self.server, (domain, event), (was, urls), progress).await
    }

    /// Makes a webhook with an id, paused at once where it shall be. Made once at most: where the
    /// answer got lost, that is [`ErrorKind::Unreachable`].
    pub async fn create_row(
        &self,
        row: &NewRow,
        secret: Option<&Secret>,
        progress: &mut dyn Progress,
    ) -> Result<Created, Error> {
        match self.dialect {
            Dialect::Mailgun => mailgun::create_entry(&self.server, row, progress).await,
            dialect => {
                let body = rows::new_body(dialect, row, secret);
                let path = rows::collection(dialect);
                let repeat = Repeat::OnlyIfNotDone;
                let answer =
                    self.server.call((Method::POST, path, Payload::Json(&body)), repeat, progress);
                let created = rows::created(dialect, &answer.await?)
                    .ok_or_else(|| self.server.unexpected("an id of the webhook that it made"))?;
                Ok(created)
            }
        }
    }

    /// Changes a webhook with an id. Doing it twice is doing it once.
    pub async fn change_row(
        &self,
        id: &str,
        (was, becomes): (&RowFields, &RowFields),
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        match self.dialect {
            Dialect::Mailgun => mailgun::change_entry(&self.server, id, becomes, progress).await,
            dialect => {
                let (method, body) = rows::change(dialect, was, becomes);
                let path = rows::item(dialect, id);
                let call = (method, &*path, Payload::Json(&body));
                self.server.call(call, Repeat::Always, progress).await.map(|_| ())
            }
        }
    }

    /// Removes a webhook with an id; one that is gone already is removed.
    pub async fn remove_row(&self, id: &str, progress: &mut dyn Progress) -> Result<(), Error> {
        let path = match self.dialect {
            Dialect::Mailgun => format!("/v1/webhooks/{id}"),
            dialect => rows::item(dialect, id),
        };
        let call = (Method::DELETE, &*path, Payload::None);
        match self.server.call(call, Repeat::Always, progress).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Gives a webhook a new secret, where the API can (MailStack).
    pub async fn rotate(
        &self,
        id: &str,
        progress: &mut dyn Progress,
    ) -> Result<Option<String>, Error> {
        if self.dialect != Dialect::MailStack {
            return Ok(None);
        }
        let path = format!("{}/rotate-secret", rows::item(self.dialect, id));
        let call = (Method::POST, &*path, Payload::None);
        let answer = self.server.call(call, Repeat::Always, progress).await?;
        Ok(answer.get("signingSecret").and_then(Value::as_str).map(str::to_owned))
    }

    /// Has the provider send a test event to a webhook: the receiver's status. `None` where its
    /// API has no such call.
    pub async fn test(&self, id: &str, progress: &mut dyn Progress) -> Result<Option<u64>, Error> {
        match self.dialect {
            Dialect::Posthawk | Dialect::Wistfare => {
                let path = format!("{}/test", rows::item(self.dialect, id));
                let call = (Method::POST, &*path, Payload::None);
                let answer = self.server.call(call, Repeat::Always, progress).await?;
                Ok(Some(answer.get("status").and_then(Value::as_u64).unwrap_or(0)))
            }
            Dialect::Mailgun | Dialect::MailStack | Dialect::MailingApi => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_recognised_however_its_url_is_written() {
        for (one, other, expected) in [
            ("https://api.mailgun.net", "https://API.mailgun.net:443/v3/", true),
            ("https://mail.wistfare.com/api/v1", "https://mail.wistfare.com", true),
            ("https://api.mailgun.net", "https://api.eu.mailgun.net", false),
            ("http://127.0.0.1:1", "http://127.0.0.1:2", false),
            ("nonsense", "nonsense", false),
        ] {
            assert_eq!(same_server(one, other), expected, "{one} {other}");
        }
    }
}
