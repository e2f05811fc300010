//! The flags that name the two sides of a migration, and the secrets that they need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waypost_compat::{Dialect, Secret};

use crate::cli::Misuse;
use crate::config;
use crate::migrate::provider::{Connection, documented_url};
use crate::migrate::{Provider, Trouble};

/// The account that is read.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct From {
    /// Its API, if not the provider's documented one
    #[arg(long, env = "WAYPOST_FROM_URL", value_name = "URL")]
    pub(super) from_url: Option<String>,
    /// Its API key
    #[arg(long, env = "WAYPOST_FROM_KEY", hide_env_values = true, value_name = "KEY")]
    from_key: Option<String>,
    /// A file that holds its API key
    #[arg(long, env = "WAYPOST_FROM_KEY_FILE", value_name = "FILE")]
    from_key_file: Option<PathBuf>,
    /// Its organisation, `org_…` (MailStack)
    #[arg(long, env = "WAYPOST_FROM_ORG", value_name = "ORG")]
    pub(super) from_org: Option<String>,
}

/// The account that gets the webhooks.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct To {
    /// Its API, if not the provider's documented one
    #[arg(long, env = "WAYPOST_TO_URL", value_name = "URL")]
    pub(super) to_url: Option<String>,
    /// Its API key
    #[arg(long, env = "WAYPOST_TO_KEY", hide_env_values = true, value_name = "KEY")]
    to_key: Option<String>,
    /// A file that holds its API key
    #[arg(long, env = "WAYPOST_TO_KEY_FILE", value_name = "FILE")]
    to_key_file: Option<PathBuf>,
    /// Its organisation, `org_…` (MailStack)
    #[arg(long, env = "WAYPOST_TO_ORG", value_name = "ORG")]
    pub(super) to_org: Option<String>,
}

/// The gateway that is put in between.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Into {
    /// A running Waypost, to be put between the account and its receivers
    #[arg(long, env = "WAYPOST_INTO", value_name = "URL")]
    pub(super) into: Option<String>,
    /// The key of its account
    #[arg(long, env = "WAYPOST_INTO_KEY", hide_env_values = true, value_name = "KEY")]
    into_key: Option<String>,
    /// A file that holds that key
    #[arg(long, env = "WAYPOST_INTO_KEY_FILE", value_name = "FILE")]
    into_key_file: Option<PathBuf>,
}

/// How long a server is tried.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Patience {
    /// How long to try a call again while a server is busy, broken or silent
    #[arg(
        long = "patience",
        env = "WAYPOST_PATIENCE",
        value_name = "TIME",
        default_value = "2m",
        value_parser = config::duration
    )]
    pub(super) time: Duration,
}

/// Secrets that an API does not show, and whoever migrates has.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Secrets {
    /// The secret of a webhook at the source, by its id or URL; may be repeated
    #[arg(
        long = "secret",
        env = "WAYPOST_ROW_SECRETS",
        hide_env_values = true,
        value_name = "ID=SECRET",
        value_delimiter = ','
    )]
    secret: Vec<String>,
    /// A file of such secrets, `ID=SECRET` a line
    #[arg(long, env = "WAYPOST_SECRETS_FILE", value_name = "FILE")]
    secrets_file: Option<PathBuf>,
    /// Mailgun's HTTP webhook signing key, where its API does not show it
    #[arg(long, env = "WAYPOST_SIGNING_KEY", hide_env_values = true, value_name = "KEY")]
    signing_key: Option<String>,
    /// A file that holds it
    #[arg(long, env = "WAYPOST_SIGNING_KEY_FILE", value_name = "FILE")]
    signing_key_file: Option<PathBuf>,
}

impl From {
    pub(super) fn connect(&self, dialect: Dialect, url: &str) -> anyhow::Result<Provider> {
        let key = given(self.from_key.as_deref(), self.from_key_file.as_deref(), "from-key")?;
        let url = self.from_url.as_deref().unwrap_or(url);
        connect(dialect, (url, &key), self.from_org.as_deref(), "from")
    }
}

impl To {
    pub(super) fn connect(&self, dialect: Dialect, url: &str) -> anyhow::Result<Provider> {
        let key = given(self.to_key.as_deref(), self.to_key_file.as_deref(), "to-key")?;
        let url = self.to_url.as_deref().unwrap_or(url);
        connect(dialect, (url, &key), self.to_org.as_deref(), "to")
    }
}

impl Into {
    pub(super) fn key(&self) -> anyhow::Result<String> {
        given(self.into_key.as_deref(), self.into_key_file.as_deref(), "into-key")
    }
}

impl Secrets {
    /// The secrets of the source's webhooks, by id or URL.
    pub(super) fn of_rows(&self) -> anyhow::Result<BTreeMap<String, Secret>> {
        let mut lines = self.secret.clone();
        if let Some(file) = &self.secrets_file {
            let text = read(file)?;
            let filled = text.lines().map(str::trim);
            let told = filled.filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.extend(told.map(str::to_owned));
        }
        // A URL may hold `=`, a secret of ours does not: the last one parts them.
        let pair = |line: &String| match line.rsplit_once('=') {
            Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
                Ok((id.trim().to_owned(), Secret::new(secret.trim())))
            }
            _ => Err(Misuse("--secret: expected `ID=SECRET`, found another form".into()).into()),
        };
        lines.iter().map(pair).collect()
    }

    /// The signing key that was given.
    pub(super) fn signing_key(&self) -> anyhow::Result<Option<Secret>> {
        match (&self.signing_key, &self.signing_key_file) {
            (Some(key), _) => Ok(Some(Secret::new(key.trim()))),
            (None, Some(file)) => Ok(Some(Secret::new(read(file)?.trim()))),
            (None, None) => Ok(None),
        }
    }
}

fn connect(
    dialect: Dialect,
    (url, key): (&str, &str),
    org: Option<&str>,
    flag: &'static str,
) -> anyhow::Result<Provider> {
    Ok(Provider::connect(&Connection { dialect, url, key, org, flag })?)
}

/// A side's base URL, where none was given.
pub(super) fn url_of(given: Option<&str>, dialect: Dialect) -> String {
    given.unwrap_or_else(|| documented_url(dialect)).trim_end_matches('/').to_owned()
}

fn given(key: Option<&str>, file: Option<&Path>, flag: &str) -> anyhow::Result<String> {
    let variable = flag.to_uppercase().replace('-', "_");
    match (key, file) {
        (Some(_), Some(_)) => Err(Trouble::misuse(format!(
            "expected one API key, found two: --{flag} (or WAYPOST_{variable}) and --{flag}-file; \
             leave one out"
        ))
        .into()),
        (Some(key), None) => Ok(key.trim().to_owned()),
        (None, Some(file)) => match read(file)?.trim() {
            "" => Err(Trouble::misuse(format!(
                "--{flag}-file: expected an API key in {}, found nothing",
                file.display()
            ))
            .into()),
            key => Ok(key.to_owned()),
        },
        (None, None) => Err(Trouble::misuse(format!(
            "expected an API key, found none; give --{flag}, --{flag}-file or WAYPOST_{variable}"
        ))
        .into()),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Trouble::misuse(format!("cannot read {}: {error}; check the path", file.display())).into()
    })
}
