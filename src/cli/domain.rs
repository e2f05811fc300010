//! `waypost domain`: sending domains, through Mailgun's domains API.

use http::Method;

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
    /// Remove a domain with its webhooks and sources
    Remove {
        /// Its name
        domain: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List => {
            let answer = api.get("/v4/domains?limit=1000").await?;
            let columns = [("DOMAIN", "/name"), ("STATE", "/state"), ("CREATED", "/created_at")];
            print.list(&answer, "/items", &columns)?;
        }
        Verb::Add { domain } => {
            let form = Payload::Form(&[("name", domain)]);
            let answer = api.call(Method::POST, "/v4/domains", form).await?;
            print.done(&answer, format_args!("added {domain}"))?;
        }
        Verb::Show { domain } => {
            let answer = api.get(&path(&["v4", "domains", domain])).await?;
            print.one(if args.remote.json { &answer } else { &answer["domain"] })?;
        }
        Verb::Remove { domain } => {
            let at = path(&["v3", "domains", domain]);
            let answer = api.call(Method::DELETE, &at, Payload::None).await?;
            print.done(&answer, format_args!("removed {domain}"))?;
        }
    }
    Ok(())
}
