//! `waypost import`: a file's configuration carried out, or what of it would change.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;
use http::Method;

use super::console::{Console, stdin};
use super::remote::Remote;
use super::table::{self, Column, cell, optional};
use crate::api::{Change, ChangeAction, ChangedField, ChangedValue, ImportReport, NewSecret, Word};
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
    let answer = api.call_as::<ImportReport>(Method::POST, &path, payload).await?;
    if args.remote.json {
        return Ok(console.json(&answer.json)?);
    }
    console.line(told(&answer.value))?;
    for source in &answer.value.sources_without_secret {
        let (id, url) = (source.source, cell(&source.ingest_url));
        console.note(format_args!("{id} ({url}) refuses every event until it has a secret"));
    }
    Ok(())
}

/// The changes that were made, or would be, for people.
fn told(report: &ImportReport) -> String {
    if report.changes.is_empty() {
        return "nothing to do: all is as the file says".to_owned();
    }
    let mut text: String = report.changes.iter().map(told_of).collect();
    let ImportReport { added, changed, removed, dry_run, .. } = report;
    let _ = match dry_run {
        true => write!(text, "\n{added} to add, {changed} to change, {removed} to remove"),
        false => write!(text, "\n{added} added, {changed} changed, {removed} removed"),
    };
    let secrets = &report.new_secrets;
    if *dry_run && !secrets.is_empty() {
        let _ = write!(text, "\n{} new secrets would be made and shown once", secrets.len());
    } else if !secrets.is_empty() {
        text.push_str("\n\nNew secrets, shown this once:\n");
        let columns: [Column<NewSecret>; 4] = [
            ("WEBHOOK", |new| cell(&new.webhook)),
            ("DIALECT", |new| cell(&new.dialect)),
            ("URL", |new| cell(&new.url)),
            ("SECRET", |new| optional(new.secret.as_ref())),
        ];
        text.push_str(&table::rows(secrets, &columns));
    }
    text
}

/// One change: a line for the thing, one for each field that differs.
fn told_of(change: &Change) -> String {
    let sign = match change.action {
        Word::Known(ChangeAction::Add) => '+',
        Word::Known(ChangeAction::Remove) => '-',
        Word::Known(ChangeAction::Change) | Word::Unknown(_) => '~',
    };
    let mut text = format!("  {sign} {} {}", cell(&change.kind), cell(&change.name));
    if !change.about.is_empty() {
        let _ = write!(text, " ({})", cell(&change.about));
    }
    text.push('\n');
    for ChangedField { field, value } in &change.fields {
        let field = cell(field);
        let _ = match value {
            ChangedValue::Secret { .. } => writeln!(text, "      {field}: another (not shown)"),
            ChangedValue::Shown { from, to } => {
                writeln!(text, "      {field}: {} -> {}", cell(from), cell(to))
            }
        };
    }
    text
}
