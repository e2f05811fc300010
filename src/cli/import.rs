//! `waypost import`: a file's configuration carried out, or what of it would change.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::console::{Console, stdin};
use super::remote::Remote;
use super::table::{self, printable};
use crate::client::api::{Payload, query};

pub(super) const EXAMPLES: &str = "\
Adds and changes what the file says, in one step or not at all; removes what the file lacks only
with --prune. Ids stay, so ingest URLs do; so do secrets that the file lacks. A new webhook without
a secret gets one, which is shown once; a new source without one refuses every event until it is
set. API keys are never made from a file. FILE may be `-` for standard input.

Examples:
  waypost import waypost.json --dry-run
  waypost import waypost.json
  waypost import waypost.json --prune --dry-run";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    /// A file of `waypost export`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove domains, sources and webhooks that the file lacks
    #[arg(long)]
    prune: bool,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let text = match args.file.as_path() {
        file if file == Path::new("-") => stdin("a file of `waypost export`", console)?,
        file => std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?,
    };
    let parameters = [
        ("dry_run", args.dry_run.then(|| "true".to_owned())),
        ("prune", args.prune.then(|| "true".to_owned())),
    ];
    let path = query("/waypost/v1/import", &parameters);
    let payload = Payload::Typed("application/json", Bytes::from(text));
    let answer = api.call(Method::POST, &path, payload).await?;
    if args.remote.json {
        return Ok(console.json(&answer)?);
    }
    console.line(told(&answer))?;
    for source in list(&answer, "sources_without_secret") {
        let (id, url) = (text_of(&source["source"]), text_of(&source["ingest_url"]));
        console.note(format_args!("{id} ({url}) refuses every event until it has a secret"));
    }
    Ok(())
}

/// What was changed, or would be, for people.
fn told(answer: &Value) -> String {
    let changes = list(answer, "changes");
    if changes.is_empty() {
        return "nothing to do: all is as the file says".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        text.push_str(&told_of(change));
    }
    let count = |name: &str| answer[name].as_u64().unwrap_or_default();
    let (added, changed, removed) = (count("added"), count("changed"), count("removed"));
    let dry = answer["dry_run"] == true;
    let _ = match dry {
        true => write!(text, "\n{added} to add, {changed} to change, {removed} to remove"),
        false => write!(text, "\n{added} added, {changed} changed, {removed} removed"),
    };
    let secrets = list(answer, "new_secrets");
    if dry && !secrets.is_empty() {
        let _ = write!(text, "\n{} new secrets would be made and shown once", secrets.len());
    } else if !secrets.is_empty() {
        text.push_str("\n\nNew secrets, shown this once:\n");
        let columns = [
            ("WEBHOOK", "/webhook"),
            ("DIALECT", "/dialect"),
            ("URL", "/url"),
            ("SECRET", "/secret"),
        ];
        text.push_str(&table::rows(secrets, &columns));
    }
    text
}

/// One change: a line for the thing, one for each field that differs.
fn told_of(change: &Value) -> String {
    let sign = match change["action"].as_str() {
        Some("add") => '+',
        Some("remove") => '-',
        _ => '~',
    };
    let (kind, name) = (text_of(&change["kind"]), text_of(&change["name"]));
    let mut text = format!("  {sign} {kind} {name}");
    if let Some(about) = change["about"].as_str() {
        let _ = write!(text, " ({})", printable(about));
    }
    text.push('\n');
    for field in list(change, "fields") {
        let name = text_of(&field["field"]);
        let _ = match field["secret"] == true {
            true => writeln!(text, "      {name}: another (not shown)"),
            false => writeln!(
                text,
                "      {name}: {} -> {}",
                printable(&field["from"].to_string()),
                printable(&field["to"].to_string())
            ),
        };
    }
    text
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

fn text_of(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default())
}
