//! `waypost source`: provider connections that feed a domain.

use http::Method;
use serde_json::{Value, json};
use waypost_compat::Dialect;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use crate::client::api::{Payload, path};

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

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// A domain's sources
    List {
        /// The domain
        domain: String,
    },
    /// Add a source and print the URL that its provider shall post to
    Add {
        /// The domain that it feeds
        domain: String,
        /// The provider's dialect
        dialect: Dialect,
        #[command(flatten)]
        secret: SecretArg,
    },
    /// One source
    Show {
        /// The domain
        domain: String,
        /// Its id, `src_…`
        id: String,
    },
    /// Give a source another secret, or switch it on or off
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Set {
        /// The domain
        domain: String,
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
    },
    /// Remove a source; its URL answers 404 from then on
    Remove {
        /// The domain
        domain: String,
        /// Its id, `src_…`
        id: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List { domain } => {
            let columns = [
                ("ID", "/id"),
                ("DIALECT", "/dialect"),
                ("ENABLED", "/enabled"),
                ("INGEST URL", "/ingest_url"),
            ];
            print.list(&api.get(&all(domain)).await?, "/items", &columns)?;
        }
        Verb::Add { domain, dialect, secret } => {
            let mut wish = json!({"dialect": dialect});
            if let Some(secret) = &secret.secret {
                wish["secret"] = json!(secret);
            }
            print.one(&api.call(Method::POST, &all(domain), Payload::Json(&wish)).await?)?;
            if secret.secret.is_none() {
                print.hint(
                    "it refuses every event until it has a secret: waypost source set … --secret …",
                );
            }
        }
        Verb::Show { domain, id } => print.one(&api.get(&one(domain, id)).await?)?,
        Verb::Set { domain, id, secret, keep_previous, enabled } => {
            let mut change = serde_json::Map::new();
            if let Some(secret) = secret {
                change.insert("secret".to_owned(), json!(secret));
            }
            if *keep_previous {
                change.insert("keep_previous".to_owned(), json!(true));
            }
            if let Some(enabled) = enabled {
                change.insert("enabled".to_owned(), json!(enabled));
            }
            let change = Value::Object(change);
            print.one(&api.call(Method::PATCH, &one(domain, id), Payload::Json(&change)).await?)?;
        }
        Verb::Remove { domain, id } => {
            let answer = api.call(Method::DELETE, &one(domain, id), Payload::None).await?;
            print.done(&answer, format_args!("removed {id}"))?;
        }
    }
    Ok(())
}

fn all(domain: &str) -> String {
    path(&["waypost", "v1", "domains", domain, "sources"])
}

fn one(domain: &str, id: &str) -> String {
    path(&["waypost", "v1", "domains", domain, "sources", id])
}
