//! The flags that name the two sides of a migration, and the secrets that they need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use waypost_compat::{Dialect, Secret};

use crate::cli::Misuse;
use crate::config;
use crate::migrate::provider::{Connection, documented_url};
use crate::migrate::{Error, Provider};

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
    /// The secret of a webhook at the source, by its id, or by its URL where only one has it; may
    /// be repeated, in the environment a line each
    #[arg(
        long = "secret",
        env = "WAYPOST_ROW_SECRETS",
        hide_env_values = true,
        value_name = "ID=SECRET"
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
        let url = self.from_url.as_deref().unwrap_or(url);
        connect(dialect, (url, &self.key()?), self.from_org.as_deref(), "from")
    }

    pub(super) fn key(&self) -> anyhow::Result<String> {
        given(self.from_key.as_deref(), self.from_key_file.as_deref(), "from-key")
    }
}

impl To {
    pub(super) fn connect(&self, dialect: Dialect, url: &str) -> anyhow::Result<Provider> {
        let url = self.to_url.as_deref().unwrap_or(url);
        connect(dialect, (url, &self.key()?), self.to_org.as_deref(), "to")
    }

    pub(super) fn key(&self) -> anyhow::Result<String> {
        given(self.to_key.as_deref(), self.to_key_file.as_deref(), "to-key")
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
        let mut texts = self.secret.clone();
        if let Some(file) = &self.secrets_file {
            texts.push(read(file)?);
        }
        let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
        let told = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        told.map(|line| Ok(pair(line)?)).collect()
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

/// One webhook and its secret. A secret may hold `=`, and so may a URL: behind an id the first one
/// parts them, behind a URL the last.
fn pair(line: &str) -> Result<(String, Secret), Misuse> {
    let parted = match line.starts_with("http") {
        true => line.rsplit_once('='),
        false => line.split_once('='),
    };
    match parted.map(|(name, secret)| (name.trim(), secret.trim())) {
        Some((name, secret)) if !name.is_empty() && !secret.is_empty() => {
            Ok((name.to_owned(), Secret::new(secret)))
        }
        _ => Err(Misuse(
            "--secret: expected `ID=SECRET`, found another form; a secret that ends in `=` goes \
             with an id, not with a URL"
                .into(),
        )),
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
        (Some(_), Some(_)) => Err(Error::misuse(format!(
            "expected one API key, found two: --{flag} (or WAYPOST_{variable}) and --{flag}-file; \
             leave one out"
        ))
        .into()),
        (Some(key), None) => Ok(key.trim().to_owned()),
        (None, Some(file)) => match read(file)?.trim() {
            "" => Err(Error::misuse(format!(
                "--{flag}-file: expected an API key in {}, found nothing",
                file.display()
            ))
            .into()),
            key => Ok(key.to_owned()),
        },
        (None, None) => Err(Error::misuse(format!(
            "expected an API key, found none; give --{flag}, --{flag}-file or WAYPOST_{variable}"
        ))
        .into()),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::misuse(format!("cannot read {}: {error}; check the path", file.display())).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equals_sign_may_stand_in_a_secret_and_in_a_url() {
        for (line, expected) in [
            ("wh_1=whsec_a,b==", Some(("wh_1", "whsec_a,b=="))),
            ("https://a.example/?b=c=whsec_d", Some(("https://a.example/?b=c", "whsec_d"))),
            ("https://a.example/=whsec_d=", None),
            ("wh_1", None),
            ("=whsec_a", None),
        ] {
            let found = pair(line).ok();
            let found = found.as_ref().map(|(name, secret)| (&**name, secret.expose()));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn the_environment_holds_a_secret_a_line() {
        let secrets = Secrets {
            secret: vec!["wh_1=a,b\n\n# the second\nwh_2=c=\n".to_owned()],
            secrets_file: None,
            signing_key: None,
            signing_key_file: None,
        };
        let found = secrets.of_rows().unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found["wh_1"].expose(), found["wh_2"].expose()), ("a,b", "c="));
    }
}
