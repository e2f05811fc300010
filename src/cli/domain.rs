//! `waypost domain`: sending domains, through Mailgun's domains API.

use std::path::{Path, PathBuf};

use anyhow::Context;
use http::Method;
use serde_json::Value;

use super::console::{Console, stdin};
use super::mailgun;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional};
use crate::api;
use crate::client::api::{Payload, path};

const DNS: &str = r#"Waypost looks no record up and makes none up: it reports what it was given, to Terraform and to
whoever else asks Mailgun's API for a domain. Without --file, the records are shown.

The file is what Mailgun answers of the domain, or its two lists alone:

  {"receiving_dns_records": [{"record_type": "MX", "priority": "10", "value": "mxa.mailgun.org"}],
   "sending_dns_records": [{"record_type": "TXT", "name": "mg.example.com",
                            "value": "v=spf1 include:mailgun.org ~all"}]}

A list that is not in it stays as it was; an empty one forgets its records.

Examples:
  curl -s --user "api:$MAILGUN_KEY" https://api.mailgun.net/v4/domains/mg.example.com |
    waypost domain dns mg.example.com --file -
  waypost domain dns mg.example.com"#;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// All domains, newest first
    List,
    /// Add a domain
    Add {
        /// Its name, such as `mg.example.com`
        domain: String,
    },
    /// One domain
    Show {
        /// Its name
        domain: String,
    },
    /// Show or set the DNS records that the API reports
    #[command(after_help = DNS)]
    Dns {
        /// The domain
        domain: String,
        /// Report the records in this file from now on; `-` is standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Remove a domain with its webhooks and sources
    Remove {
        /// Its name
        domain: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    // Read before anything is asked for: a file that is none is nobody's business but ours.
    let records = match &args.verb {
        Verb::Dns { file: Some(file), .. } => Some(json_in(file, console)?),
        _ => None,
    };
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List => {
            let columns: [Column<mailgun::Domain>; 3] = [
                ("DOMAIN", |domain| cell(&domain.name)),
                ("STATE", |domain| cell(&domain.state)),
                ("CREATED", |domain| cell(&domain.created_at)),
            ];
            print.list(&api.get_as("/v4/domains?limit=1000").await?, &columns)?;
        }
        Verb::Add { domain } => {
            let form = Payload::Form(&[("name", domain)]);
            let answer = api.call(Method::POST, "/v4/domains", form).await?;
            print.done(&answer, format_args!("added {domain}"))?;
        }
        Verb::Show { domain } => {
            let at = path(&["v4", "domains", domain]);
            let answer = api.get_as::<mailgun::DomainAnswer>(&at).await?;
            print.part(&answer, &answer.value.domain)?;
        }
        Verb::Dns { domain, .. } => {
            let at = path(&["waypost", "v1", "domains", domain]);
            let answer = match &records {
                Some(records) => api.call_as(Method::PATCH, &at, Payload::Json(records)).await?,
                None => api.get_as(&at).await?,
            };
            print.rows(&answer, &rows(&answer.value))?;
        }
        Verb::Remove { domain } => {
            let at = path(&["v3", "domains", domain]);
            let answer = api.call(Method::DELETE, &at, Payload::None).await?;
            print.done(&answer, format_args!("removed {domain}"))?;
        }
    }
    Ok(())
}

/// Reads the JSON in a file, or on standard input.
fn json_in(file: &Path, console: &mut Console) -> anyhow::Result<Value> {
    let bytes = if file.as_os_str() == "-" {
        stdin("DNS records", console)?
    } else {
        std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?
    };
    serde_json::from_slice(&bytes)
        .with_context(|| format!("expected JSON in {}, found something else", file.display()))
}

/// One row for each record, under headings; a word where there are none.
fn rows(domain: &api::Domain) -> Vec<Vec<String>> {
    let headings = ["FOR", "TYPE", "NAME", "PRIORITY", "VALUE", "VALID"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    let row = |of: &str, record: &api::DnsRecord| {
        vec![
            of.to_owned(),
            cell(&record.record_type),
            optional(record.name.as_ref()),
            optional(record.priority.as_ref()),
            cell(&record.value),
            cell(&record.valid),
        ]
    };
    rows.extend(domain.receiving_dns_records.iter().map(|record| row("receiving", record)));
    rows.extend(domain.sending_dns_records.iter().map(|record| row("sending", record)));
    if rows.len() == 1 { vec![vec!["none".to_owned()]] } else { rows }
}
