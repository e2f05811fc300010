//! `waypost export`: the whole configuration as one file.

use std::path::PathBuf;

use anyhow::Context;

use super::console::Console;
use super::private_file;
use super::remote::Remote;
use crate::client::api::query;

pub(super) const EXAMPLES: &str = "\
One account as a file that people can read and compare: domains, sources, webhooks of every
dialect, and the keys for information, less their secrets. With --with-secrets its head says so,
and --out makes it readable for its owner alone. `waypost import` reads it.

Examples:
  waypost export > waypost.json                      for version control
  waypost export --with-secrets --out backup.json    for another server, or a safe
  waypost import waypost.json --dry-run              what has changed since";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// Write the signing key and the secrets of sources and webhooks too
    #[arg(long)]
    with_secrets: bool,
    /// Write into this file instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let secrets = args.with_secrets.then(|| "true".to_owned());
    let path = query("/waypost/v1/export", &[("secrets", secrets)]);
    let text = args.remote.api()?.bytes(&path).await?;
    let Some(out) = &args.out else { return Ok(console.raw(&text)?) };
    if args.with_secrets {
        return private_file::write(out, &text);
    }
    std::fs::write(out, &text).with_context(|| format!("cannot write {}", out.display()))
}
