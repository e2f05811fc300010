//! Configuration: flag, then environment, then file, then default.
//!
//! [`Options`] is all of `waypost serve`'s flags. A file is flags written down: what it says and
//! neither the command line nor the environment does, is read as if it had been typed
//! ([`file_arguments`]), by the same parsers and with the same messages.

mod file;
mod units;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, FromArgMatches};
use ipnet::IpNet;
use url::Url;
use waypost_compat::{Dialect, Secret};

pub use file::{FileError, file_arguments};
pub use units::{bytes, duration};
pub use upstream::Upstream;

use crate::model::Rate;

/// The settings that the HTTP side and ingest need, read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URL at which providers and clients reach this server, without a slash at the end.
    pub public_url: String,
    /// True to lift the https rule that Wistfare and `MailingAPI` put on webhook URLs.
    pub allow_http: bool,
    /// The largest request body taken, in bytes.
    pub body_bytes_max: usize,
    /// The greatest age of a provider's signature, and the furthest that it may be in the future.
    pub freshness: Duration,
    /// The most URLs that a Mailgun event name may have in one domain.
    pub urls_per_event_max: usize,
    /// Names of hosts that speak one dialect only, whatever the credential.
    pub hosts: Vec<(String, Dialect)>,
    /// The dialect whose error shape answers a request on `/v1/webhooks` without a credential.
    pub default_dialect: Dialect,
    /// The limits under which connections are served.
    pub serving: Serving,
    /// The attempts in flight to an endpoint whose owner set no limit.
    pub endpoint_concurrency: u32,
    /// The rate of attempts to an endpoint whose owner set none.
    pub endpoint_rate: Option<Rate>,
}

/// Limits of connections: their number, and the time for each part of a request.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// Connections open at once; more wait to be accepted. Half of the 1,024 descriptors that a
    /// process usually may have: the other half is for receivers and the store.
    pub connections_max: usize,
    /// The time from the end of one request (or the beginning of the connection) to the end of the next
    /// one's head, so also how long an idle connection is kept.
    pub header_timeout: Duration,
    /// The time from the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// The longest that a client may leave an answer unread.
    pub write_timeout: Duration,
    /// The longest that requests in flight may go on after the signal to stop.
    pub drain_timeout: Duration,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            connections_max: 512,
            header_timeout: Duration::from_mins(1),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8740".to_owned(),
            allow_http: false,
            body_bytes_max: 1 << 20,
            freshness: Duration::from_mins(15),
            urls_per_event_max: 3,
            hosts: Vec::new(),
            default_dialect: Dialect::MailingApi,
            serving: Serving::default(),
            endpoint_concurrency: 64,
            endpoint_rate: None,
        }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// The flags of `waypost serve`; each has an environment variable and a key in the file.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, env = "WAYPOST_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8740",
          value_parser = address)]
    pub listen: SocketAddr,
    /// Directory of the store; made if missing
    #[arg(long, env = "WAYPOST_DATA", value_name = "DIR", default_value = "./waypost-data")]
    pub data: PathBuf,
    /// How providers and clients reach this server; `http://` and the address listened on if unset
    #[arg(long, env = "WAYPOST_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// The account's key, set at the first start; generated and printed once if unset
    #[arg(long, env = "WAYPOST_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The key that signs Mailgun deliveries, set at the first start; generated if unset
    #[arg(long, env = "WAYPOST_SIGNING_KEY", value_name = "KEY", hide_env_values = true)]
    pub signing_key: Option<String>,
    /// Mailgun's base URL, such as `https://api.mailgun.net`: sending, and what else this server
    /// does not answer itself, is passed there
    #[arg(long, env = "WAYPOST_MAILGUN_UPSTREAM", value_name = "URL",
          value_parser = upstream::base)]
    pub mailgun_upstream: Option<Url>,
    /// The API key that such requests are passed on with
    #[arg(long, env = "WAYPOST_MAILGUN_UPSTREAM_KEY", value_name = "KEY", hide_env_values = true,
          value_parser = secret)]
    pub mailgun_upstream_key: Option<Secret>,
    /// Private or loopback range that webhooks may be on; may be repeated
    #[arg(
        long,
        env = "WAYPOST_ALLOW_TARGET",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    pub allow_target: Vec<IpNet>,
    /// Lift the https rule of Wistfare and MailingAPI on webhook URLs
    #[arg(long, env = "WAYPOST_ALLOW_HTTP", value_parser = FalseyValueParser::new())]
    pub allow_http: bool,
    /// Waits between attempts, comma separated, instead of each dialect's own
    #[arg(
        long,
        env = "WAYPOST_RETRY_SCHEDULE",
        value_name = "WAITS",
        value_delimiter = ',',
        value_parser = duration
    )]
    pub retry_schedule: Vec<Duration>,
    /// After how long of nothing but failures a webhook is switched off, Mailgun's excepted; `none`
    /// for never
    #[arg(long, env = "WAYPOST_DISABLE_AFTER", value_name = "TIME", default_value = "5d",
          value_parser = patience)]
    pub disable_after: Duration,
    /// Attempts in flight at a time, to all endpoints together
    #[arg(long, env = "WAYPOST_MAX_ATTEMPTS", value_name = "N", default_value = "512",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_attempts: u32,
    /// Attempts in flight to one endpoint whose owner set no limit
    #[arg(long, env = "WAYPOST_ENDPOINT_CONCURRENCY", value_name = "N", default_value = "64",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub endpoint_concurrency: u32,
    /// Attempts per second to one endpoint whose owner set no rate; as many as there are if unset
    #[arg(long, env = "WAYPOST_ENDPOINT_RATE", value_name = "N", value_parser = rate)]
    pub endpoint_rate: Option<Rate>,
    /// Largest request body taken
    #[arg(long, env = "WAYPOST_BODY_LIMIT", value_name = "SIZE", default_value = "1MiB",
          value_parser = body_limit)]
    pub body_limit: u64,
    /// How old a provider's signature may be, up to 12h
    #[arg(long, env = "WAYPOST_FRESHNESS", value_name = "TIME", default_value = "15m",
          value_parser = freshness)]
    pub freshness: Duration,
    /// Events older than this are removed
    #[arg(long, env = "WAYPOST_RETENTION_AGE", value_name = "TIME", default_value = "7d",
          value_parser = duration)]
    pub retention_age: Duration,
    /// Beyond this much of event bodies, the oldest events are removed
    #[arg(long, env = "WAYPOST_RETENTION_BYTES", value_name = "SIZE", default_value = "10GiB",
          value_parser = bytes)]
    pub retention_bytes: u64,
    /// Connections served at a time
    #[arg(long, env = "WAYPOST_MAX_CONNECTIONS", value_name = "N", default_value = "512",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// Host name that speaks one dialect only, as `name=dialect`; may be repeated
    #[arg(long, env = "WAYPOST_HOST", value_name = "NAME=DIALECT", value_delimiter = ',',
          value_parser = host)]
    pub host: Vec<(String, Dialect)>,
    /// How log lines look: `text` or `json`
    #[arg(
        long,
        env = "WAYPOST_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,waypost::worker=debug`
    #[arg(long, env = "WAYPOST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How long attempts under way may take to end when the server is told to stop
    #[arg(long, env = "WAYPOST_DRAIN_TIMEOUT", value_name = "TIME", default_value = "30s",
          value_parser = duration)]
    pub drain_timeout: Duration,
    /// TOML file with any of these, by the same names
    #[arg(long, env = "WAYPOST_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Options {
    /// The time after which a failing webhook is switched off, if ever.
    #[must_use]
    pub fn disable_after(&self) -> Option<Duration> {
        Some(self.disable_after).filter(|patience| !patience.is_zero())
    }

    /// The server that requests are passed to which this one does not answer; or the fault in what
    /// was said of it.
    pub fn upstream(&self) -> Result<Option<Upstream>, String> {
        Upstream::of(self.mailgun_upstream.as_ref(), self.mailgun_upstream_key.as_ref())
    }

    /// The settings of a server that listens on `bound`.
    #[must_use]
    pub fn settings(&self, bound: SocketAddr) -> Settings {
        Settings {
            public_url: self.public_url.clone().unwrap_or_else(|| format!("http://{bound}")),
            allow_http: self.allow_http,
            body_bytes_max: usize::try_from(self.body_limit).unwrap_or(usize::MAX),
            freshness: self.freshness,
            hosts: self.host.clone(),
            endpoint_concurrency: self.endpoint_concurrency,
            endpoint_rate: self.endpoint_rate,
            serving: Serving {
                connections_max: self.max_connections as usize,
                drain_timeout: self.drain_timeout,
                ..Serving::default()
            },
            ..Settings::default()
        }
    }
}

impl Default for Options {
    /// The options where nobody configured any; the environment is not asked.
    fn default() -> Self {
        let command = Self::augment_args(clap::Command::new("serve"))
            .mut_args(|arg| arg.env(clap::builder::Resettable::Reset));
        let matches = command.get_matches_from(["serve"]);
        Self::from_arg_matches(&matches).expect("every flag has a default or may be left out")
    }
}

/// Reads an address that others can be told: http or https, a host, no query.
fn public_url(text: &str) -> Result<String, String> {
    let expected = || "expected a URL such as `https://hooks.example.com`".to_owned();
    let url = Url::parse(text).map_err(|_| expected())?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.query().is_none()
        && url.fragment().is_none();
    if usable { Ok(text.trim_end_matches('/').to_owned()) } else { Err(expected()) }
}

/// Reads a secret. Nothing is checked here: what a parser refuses is repeated in its message.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Reads a rate of attempts per second.
fn rate(text: &str) -> Result<Rate, String> {
    let (least, most) = (Rate::RANGE.start(), Rate::RANGE.end());
    let expected = || format!("expected {least} to {most} attempts per second, found {text:?}");
    text.parse().ok().and_then(Rate::per_second).ok_or_else(expected)
}

/// Reads a range; a bare address is a range of one.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "expected a range such as `10.0.0.0/8` or `fd00::/8`".to_owned())
}

/// Reads a body limit. One below a kilobyte would refuse every event there is.
fn body_limit(text: &str) -> Result<u64, String> {
    bytes(text).and_then(|limit| match limit {
        1024..=0x4000_0000 => Ok(limit),
        _ => Err("expected a size from 1KiB to 1GiB".to_owned()),
    })
}

/// Reads a time, or `none`, which is zero.
fn patience(text: &str) -> Result<Duration, String> {
    if matches!(text.trim(), "none" | "0") { Ok(Duration::ZERO) } else { duration(text) }
}

/// The longest freshness window: single-use tokens are remembered for a day, and a signature must
/// not outlive its token.
const FRESHNESS_MAX: Duration = Duration::from_hours(12);

fn freshness(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if window > FRESHNESS_MAX {
        return Err(format!("expected at most `12h`, found {text:?}"));
    }
    Ok(window)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("expected an IP address and a port such as `127.0.0.1:8740`, found {text:?}")
    })
}

fn host(text: &str) -> Result<(String, Dialect), String> {
    let (name, dialect) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("expected `name=dialect`, such as `api.posthawk.example.com=posthawk`")?;
    let dialect = dialect.parse::<Dialect>().map_err(|error| error.to_string())?;
    Ok((name.to_ascii_lowercase(), dialect))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn read(typed: &[&str], file: &str) -> Result<Options, String> {
        let command = || Options::augment_args(clap::Command::new("serve"));
        let path = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let arguments = || std::iter::once("serve").chain(typed.iter().copied());
        let given = command().try_get_matches_from(arguments()).map_err(|e| e.to_string())?;
        let more = file_arguments(path.path(), &command(), &given)
            .map_err(|e| e.to_string().replace(&path.path().display().to_string(), "FILE"))?;
        let all = arguments().map(OsString::from).chain(more);
        let matches = command().try_get_matches_from(all).map_err(|e| e.to_string())?;
        Ok(Options::from_arg_matches(&matches).unwrap())
    }

    #[test]
    fn defaults_are_those_of_settings() {
        let options = read(&[], "").unwrap();
        let (read, plain) = (options.settings(options.listen), Settings::default());
        assert_eq!(format!("{read:?}"), format!("{plain:?}"));
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = "freshness = \"5m\"\nmax-connections = 9\nallow-http = true\n\
                    allow-target = [\"10.0.0.0/8\", \"127.0.0.1\"]";
        let options = read(&["--max-connections", "7"], file).unwrap();
        assert_eq!(options.freshness, Duration::from_mins(5));
        assert_eq!(options.max_connections, 7);
        assert!(options.allow_http);
        assert_eq!(options.allow_target.len(), 2);
        assert_eq!(options.retention_age, Duration::from_hours(7 * 24));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let refused = read(&[], "lisen = \"127.0.0.1:1\"").unwrap_err();
        assert!(refused.starts_with("FILE: unknown key `lisen`"), "{refused}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key() {
        let refused = read(&[], "allow-http = \"yes\"").unwrap_err();
        assert_eq!(refused, "FILE: `allow-http`: expected true or false, found string");
        let refused = read(&[], "listen = 1.5").unwrap_err();
        assert!(refused.ends_with("found float"), "{refused}");
    }

    #[test]
    fn a_malformed_file_is_named_with_its_line() {
        let refused = read(&[], "log = \"info\"\nlisten = =").unwrap_err();
        assert!(refused.starts_with("FILE: line 2: "), "{refused}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for typed in [
            ["--public-url", "ftp://example.com"],
            ["--public-url", "example.com"],
            ["--mailgun-upstream", "https://api.mailgun.net/v3"],
            ["--allow-target", "10.0.0.0/99"],
            ["--body-limit", "12"],
            ["--host", "a.example.com=sendmail"],
            ["--retry-schedule", "10m,soon"],
            ["--disable-after", "never"],
        ] {
            assert!(read(&typed, "").is_err(), "{typed:?}");
        }
    }

    #[test]
    fn failing_webhooks_are_switched_off_after_five_days_or_as_told_or_never() {
        let told = |text: &str| read(&["--disable-after", text], "").unwrap().disable_after();
        assert_eq!(read(&[], "").unwrap().disable_after(), Some(Duration::from_hours(5 * 24)));
        assert_eq!(told("36h"), Some(Duration::from_hours(36)));
        assert_eq!((told("none"), told("0"), told("0s")), (None, None, None));
    }

    #[test]
    fn the_upstreams_key_is_not_to_be_printed() {
        let file = "mailgun-upstream = \"https://api.mailgun.net\"";
        let options = read(&["--mailgun-upstream-key", "key-0123456789"], file).unwrap();
        assert!(!format!("{options:?}").contains("0123456789"));
        assert_eq!(options.upstream().unwrap().unwrap().base.as_str(), "https://api.mailgun.net/");
        assert!(read(&[], file).unwrap().upstream().is_err());
    }

    #[test]
    fn lists_are_comma_separated() {
        let typed = ["--retry-schedule", "10m,1h", "--host", "a.io=mailgun,b.io=posthawk"];
        let options = read(&typed, "").unwrap();
        assert_eq!(options.retry_schedule, [Duration::from_mins(10), Duration::from_hours(1)]);
        assert_eq!(options.host[1], ("b.io".to_owned(), Dialect::Posthawk));
    }
}
