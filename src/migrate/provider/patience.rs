//! Calls that are repeated while a server is busy, and refusals told with their next step.

use std::time::Duration;

use http::Method;
use serde_json::Value;
use waypost_compat::Dialect;

use crate::client::api::{Api, ApiError, Payload};
use crate::migrate::trouble::{Progress, Trouble, TroubleKind};

/// How often a call is tried. At one in two failing, a thousand calls all get through.
const TRIES_MAX: u32 = 20;
/// How often one that nobody answers at all: a busy server answers, a wrong address does not.
const UNANSWERED_TRIES_MAX: u32 = 6;
/// The first wait; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(100);
/// The longest wait that is not asked for by the server.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The longest wait that a server may ask for.
const ASKED_MAX: Duration = Duration::from_mins(2);

/// When a call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Whenever there is no answer that settles it: doing it twice is doing it once.
    Always,
    /// Only where the server says that it did nothing.
    OnlyIfNotDone,
}

/// A server that is called with patience.
pub struct Server {
    api: Api,
    name: String,
    url: String,
    flag: &'static str,
    dialect: Option<Dialect>,
}

impl Server {
    /// A server, the name and address that messages give it, and the flags that name it.
    pub fn new(api: Api, name: String, url: &str, flag: &'static str) -> Self {
        Self { api, name, url: url.to_owned(), flag, dialect: None }
    }

    /// The same, known to be a provider's.
    pub(super) fn of(self, dialect: Dialect) -> Self {
        Self { dialect: Some(dialect), ..self }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str, progress: &mut dyn Progress) -> Result<Value, Trouble> {
        self.call((Method::GET, path, Payload::None), Repeat::Always, progress).await
    }

    /// Makes a call, again while the server is busy. Where the last try may have been carried out,
    /// the trouble is [`TroubleKind::Unreachable`].
    pub async fn call(
        &self,
        (method, path, payload): (Method, &str, Payload<'_>),
        repeat: Repeat,
        progress: &mut dyn Progress,
    ) -> Result<Value, Trouble> {
        let mut tries = 1;
        loop {
            let error = match self.api.call(method.clone(), path, payload.clone()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let may_repeat = match repeat {
                Repeat::Always => is_passing(&error),
                Repeat::OnlyIfNotDone => error.status() == Some(429),
            };
            let tries_max = match error {
                ApiError::Unreachable { .. } | ApiError::TooSlow { .. } => UNANSWERED_TRIES_MAX,
                _ => TRIES_MAX,
            };
            if !may_repeat || tries >= tries_max {
                return Err(self.explain(&method, path, &error));
            }
            let wait = wait(&error, tries);
            if tries == 1 || wait > Duration::from_secs(1) {
                progress.say(format_args!("{}: {error}; trying again", self.name));
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// What was answered is not what the documentation promises.
    pub fn strange(&self, expected: &str) -> Trouble {
        Trouble::failed(format!(
            "expected {expected} from {} at {}, found none; is it that provider's API?",
            self.name, self.url
        ))
    }

    fn explain(&self, method: &Method, path: &str, error: &ApiError) -> Trouble {
        let (flag, who) = (self.flag, format!("{} at {}", self.name, self.url));
        let doing = format!("{who}: {method} {path}: {error}");
        let changes = *method != Method::GET;
        match error {
            ApiError::Refused { status: 401, .. } => {
                Trouble::refused(format!("{who} refused the key ({error})")).and(self.wrong_key())
            }
            ApiError::Refused { status: 403, .. } if self.dialect == Some(Dialect::MailStack) => {
                Trouble::refused(doing).and(format_args!(
                    "check --{flag}-org: it must be the organisation that the token is for"
                ))
            }
            ApiError::Refused { status: 403, .. } if changes => {
                Trouble::refused(doing).and(format_args!(
                    "the key may read but not change this; give --{flag}-key one that may"
                ))
            }
            ApiError::Refused { status: 403, .. } => Trouble::refused(doing)
                .and(format_args!("the key does not open this; check --{flag}-key")),
            ApiError::Refused { status: 404, .. } => Trouble::new(TroubleKind::NotFound, doing),
            ApiError::Refused { status: 429, .. } => Trouble::failed(doing).and(
                "it is still too busy; wait a while and run the same command again: it goes on \
                 where it stopped",
            ),
            ApiError::Refused { status: 500.., .. } => {
                Trouble::new(TroubleKind::Unreachable, doing).and(
                    "the provider is in trouble; run the same command again: it goes on where it \
                     stopped",
                )
            }
            ApiError::Refused { .. } => Trouble::refused(doing),
            ApiError::Unreachable { .. } | ApiError::TooSlow { .. } => {
                Trouble::new(TroubleKind::Unreachable, format!("{}: {error}", self.name)).and(
                    format_args!(
                        "check --{flag}-url and the network, and run the same command again"
                    ),
                )
            }
            ApiError::NotJson { .. } => Trouble::failed(format!("{}: {error}", self.name))
                .and(format_args!("check --{flag}-url: it must be the base URL of the API")),
            ApiError::NoUrl(_) | ApiError::Unwritable | ApiError::NoRoots(_) => {
                Trouble::misuse(format!("--{flag}-url: {error}"))
            }
        }
    }

    /// What to look at after a 401.
    fn wrong_key(&self) -> String {
        let flag = self.flag;
        match self.dialect {
            // Mailgun answers a wrong region as it answers a wrong key (`spec/mailgun-api.md` §4).
            Some(Dialect::Mailgun) => format!(
                "either the key is wrong (--{flag}-key), or the account is in Mailgun's other \
                 region, which answers the same: the US is at https://api.mailgun.net, the EU at \
                 https://api.eu.mailgun.net (--{flag}-url)"
            ),
            Some(Dialect::MailStack) => format!(
                "check --{flag}-key: MailStack takes a session's token, which expires, and no \
                 ms_live_ key"
            ),
            Some(Dialect::Posthawk | Dialect::Wistfare | Dialect::MailingApi) | None => {
                format!("check --{flag}-key, and that --{flag}-url is the server it is for")
            }
        }
    }
}

/// Whether the same call may succeed in a moment.
fn is_passing(error: &ApiError) -> bool {
    match error {
        ApiError::Unreachable { .. } | ApiError::TooSlow { .. } => true,
        ApiError::Refused { status, .. } => *status == 429 || *status == 408 || *status >= 500,
        _ => false,
    }
}

/// How long to wait after a try: what the server asks for, within bounds, or ever longer.
fn wait(error: &ApiError, tries: u32) -> Duration {
    let asked = match error {
        ApiError::Refused { retry_after, .. } => *retry_after,
        _ => None,
    };
    let growing = WAIT.saturating_mul(1 << tries.min(10)).min(WAIT_MAX);
    asked.map_or(growing, |asked| asked.clamp(WAIT, ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> ApiError {
        let retry_after = retry_after.map(Duration::from_secs);
        ApiError::Refused { status, message: "no".to_owned(), retry_after }
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_within_bounds() {
        assert_eq!(wait(&refused(429, Some(7)), 1), Duration::from_secs(7));
        assert_eq!(wait(&refused(429, Some(86_400)), 1), ASKED_MAX);
        assert_eq!(wait(&refused(429, Some(0)), 1), WAIT);
        assert_eq!(wait(&refused(500, None), 1), Duration::from_millis(200));
        assert_eq!(wait(&refused(500, None), 19), WAIT_MAX);
    }

    #[test]
    fn mailguns_401_names_the_key_and_the_region() {
        let api = Api::basic("https://api.mailgun.net", "key").unwrap();
        let server = Server::new(api, "mailgun".into(), "https://api.mailgun.net", "from");
        let told =
            server.of(Dialect::Mailgun).explain(&Method::GET, "/v3/domains", &refused(401, None));
        let told = told.to_string();
        for word in ["--from-key", "--from-url", "api.eu.mailgun.net", "api.mailgun.net"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
