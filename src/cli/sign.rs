//! `waypost sign`: a payload signed as a provider would, offline.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Dialect, Secret, outline};

use super::console::{Console, stdin};
use crate::clock::Clock;
use crate::model::EventId;

pub(super) const EXAMPLES: &str = "\
Prints the headers, an empty line and the body; with --headers-to the body alone. The body is
signed byte for byte as it is read (Mailgun: wrapped into the signed envelope).

Examples:
  waypost sign --dialect posthawk --secret whsec_… < event.json
  waypost sign --dialect posthawk --secret whsec_… --headers-to h < event.json |
    curl -H @h --data-binary @- http://127.0.0.1:8740/ingest/src_…";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The provider to sign as
    #[arg(long, value_name = "DIALECT")]
    dialect: Dialect,
    /// The signing secret, as the provider writes it
    #[arg(long, env = "WAYPOST_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: String,
    /// The time of signing in Unix seconds, instead of now
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<i64>,
    /// Mailgun's single-use token, instead of a random one
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Write the headers into this file, as `curl -H @FILE` reads them
    #[arg(long, value_name = "FILE")]
    headers_to: Option<PathBuf>,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let body = stdin("a payload", console)?;
    let clock = Clock::system();
    let now = clock.now();
    // A payload that is no event can still be signed; its headers then name no event.
    let name =
        outline(args.dialect.provider(), &body).map(|outline| outline.name).unwrap_or_default();
    let stamp = Stamp {
        timestamp: args.timestamp.unwrap_or_else(|| now.seconds()),
        token: &args.token.clone().unwrap_or_else(|| clock.random_hex::<25>()),
        event_id: &EventId::timed(now, clock.random()).to_string(),
        event_name: &name,
    };
    let secret = Secret::new(&args.secret);
    let signed = sign(args.dialect.scheme(), &[&secret], &body, &stamp);
    let mut headers = String::new();
    for (name, value) in &signed.headers {
        let _ = writeln!(headers, "{name}: {value}");
    }
    match &args.headers_to {
        Some(path) => std::fs::write(path, headers)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => console.line(headers)?,
    }
    Ok(console.raw(&signed.body)?)
}
