//! The flags that name a running server, and a connection to it.

use super::Misuse;
use crate::client::api::{Api, CallError};

/// Where the server is, and as whom to speak to it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Remote {
    /// The server
    #[arg(
        long,
        env = "WAYPOST_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8740",
        global = true
    )]
    pub(super) url: String,
    /// The account's key
    #[arg(
        long,
        env = "WAYPOST_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        global = true
    )]
    pub(super) api_key: Option<String>,
    /// Print the server's JSON instead of a table
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Remote {
    /// Speaks to the server that the flags name.
    pub(super) fn api(&self) -> anyhow::Result<Api> {
        let key = self.api_key.as_deref().ok_or_else(|| {
            Misuse("expected an API key, found none; give --api-key or set WAYPOST_API_KEY".into())
        })?;
        connect(&self.url, key)
    }
}

/// Speaks to the server at `base` as the holder of `key`.
pub(super) fn connect(base: &str, key: &str) -> anyhow::Result<Api> {
    Api::basic(base, key).map_err(|error| match error {
        CallError::NoUrl(_) | CallError::NoBase => Misuse(format!("--url: {error}")).into(),
        other => other.into(),
    })
}
