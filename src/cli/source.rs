//! `waypost source`: provider connections that feed a domain, or all of an account's.

use http::Method;
use waypost_compat::Provider;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional, yes_or_no};
use crate::api::{CreateSource, Source, UpdateSource};
use crate::client::api::{Payload, path};
use crate::model::Serves;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

/// The secret that a provider signs with.
#[derive(Debug, clap::Args)]
struct SecretArg {
    /// What the provider signs with; a source without one refuses every event
    #[arg(long, env = "WAYPOST_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
}

/// Which subscriptions a source's events go to.
#[derive(Debug, clap::Args)]
struct ServesArg {
    /// Whom its events go to: `all`, or where it stands for one place at the provider, `domain`,
    /// `account` or a webhook's id
    #[arg(long, value_name = "WHAT", group = "what")]
    serves: Option<Serves>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Every source, or a domain's own
    List {
        /// The domain
        domain: Option<String>,
    },
    /// Add a source and print the URL that its provider shall post to
    #[command(allow_missing_positional = true)]
    Add {
        /// The domain that it feeds
        #[arg(required_unless_present = "all_domains", conflicts_with = "all_domains")]
        domain: Option<String>,
        /// The provider's dialect
        dialect: Provider,
        /// Feed all of the account's domains: each event says which it belongs to
        #[arg(long)]
        all_domains: bool,
        #[command(flatten)]
        secret: SecretArg,
        #[command(flatten)]
        serves: ServesArg,
    },
    /// One source
    #[command(allow_missing_positional = true)]
    Show {
        /// The domain
        domain: Option<String>,
        /// Its id, `src_…`
        id: String,
    },
    /// Give a source another secret, switch it on or off, or change whom it serves
    #[command(allow_missing_positional = true)]
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Set {
        /// The domain
        domain: Option<String>,
        /// Its id, `src_…`
        id: String,
        /// What the provider signs with from now on
        #[arg(long, group = "what", value_name = "SECRET")]
        secret: Option<String>,
        /// Let the previous secret verify as well, while the provider changes over
        #[arg(long, requires = "secret")]
        keep_previous: bool,
        /// Whether it takes events
        #[arg(long, group = "what", value_name = "true|false")]
        enabled: Option<bool>,
        #[command(flatten)]
        serves: ServesArg,
    },
    /// Remove a source; its URL answers 404 from then on
    #[command(allow_missing_positional = true)]
    Remove {
        /// The domain
        domain: Option<String>,
        /// Its id, `src_…`
        id: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List { domain } => {
            let columns: [Column<Source>; 6] = [
                ("ID", |source| cell(&source.id)),
                ("DIALECT", |source| cell(&source.dialect)),
                ("DOMAIN", |source| optional(source.domain.as_ref())),
                ("SERVES", |source| cell(&source.serves)),
                ("ENABLED", |source| yes_or_no(source.enabled)),
                ("INGEST URL", |source| cell(&source.ingest_url)),
            ];
            print.list(&api.get_as(&all(domain.as_deref())).await?, &columns)?;
        }
        Verb::Add { domain, dialect, all_domains: _, secret, serves } => {
            let (dialect, secret) = (*dialect, secret.secret.as_deref());
            let request = CreateSource { dialect, secret, serves: serves.serves };
            let sources = all(domain.as_deref());
            let call = api.call_as::<Source>(Method::POST, &sources, Payload::json(&request));
            print.one(&call.await?)?;
            if secret.is_none() {
                print.hint(
                    "it refuses every event until it has a secret: waypost source set … --secret …",
                );
            }
        }
        Verb::Show { domain, id } => {
            print.one(&api.get_as::<Source>(&one(domain.as_deref(), id)).await?)?;
        }
        Verb::Set { domain, id, secret, keep_previous, enabled, serves } => {
            let request = UpdateSource {
                secret: secret.as_deref(),
                keep_previous: keep_previous.then_some(true),
                enabled: *enabled,
                serves: serves.serves,
            };
            let source = one(domain.as_deref(), id);
            let call = api.call_as::<Source>(Method::PATCH, &source, Payload::json(&request));
            print.one(&call.await?)?;
        }
        Verb::Remove { domain, id } => {
            let source = one(domain.as_deref(), id);
            let answer = api.call(Method::DELETE, &source, Payload::None).await?;
            print.done(&answer, format_args!("removed {id}"))?;
        }
    }
    Ok(())
}

fn all(domain: Option<&str>) -> String {
    match domain {
        Some(domain) => path(&["waypost", "v1", "domains", domain, "sources"]),
        None => path(&["waypost", "v1", "sources"]),
    }
}

fn one(domain: Option<&str>, id: &str) -> String {
    match domain {
        Some(domain) => path(&["waypost", "v1", "domains", domain, "sources", id]),
        None => path(&["waypost", "v1", "sources", id]),
    }
}
