//! `waypost key`: API keys, each for one dialect's API.

use http::Method;
use waypost_compat::Dialect;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional};
use crate::api::{CreateKey, IssuedKey, Key};
use crate::client::api::{Payload, path};

const KEYS: &str = "/waypost/v1/keys";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// All keys, by what they open; the keys themselves are not kept
    List,
    /// Make a key; it is shown this once
    Add {
        /// The API that it opens; `mailgun` opens the native API too
        dialect: Dialect,
        /// The one domain that it is for, instead of all
        #[arg(long, value_name = "NAME")]
        domain: Option<String>,
        /// What it may do: `manage` (unless said otherwise), `read` or `send`
        #[arg(long, value_name = "SCOPE", value_parser = ["manage", "read", "send"])]
        scope: Option<String>,
        /// A name for people
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Remove a key; it opens nothing from then on
    Remove {
        /// Its id, `key_…`
        id: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List => {
            let columns: [Column<Key>; 5] = [
                ("ID", |key| cell(&key.id)),
                ("DIALECT", |key| cell(&key.dialect)),
                ("DOMAIN", |key| optional(key.domain.as_ref())),
                ("DESCRIPTION", |key| optional(key.description.as_ref())),
                ("CREATED", |key| cell(&key.created_at)),
            ];
            print.list(&api.get_as(KEYS).await?, &columns)?;
        }
        Verb::Add { dialect, domain, scope, description } => {
            let request = CreateKey {
                dialect: *dialect,
                domain: domain.as_deref(),
                scope: scope.as_deref(),
                description: description.as_deref(),
            };
            let call = api.call_as::<IssuedKey>(Method::POST, KEYS, Payload::json(&request));
            print.one(&call.await?)?;
            print.hint("the key is not shown again");
        }
        Verb::Remove { id } => {
            let at = path(&["waypost", "v1", "keys", id]);
            let answer = api.call(Method::DELETE, &at, Payload::None).await?;
            print.done(&answer, format_args!("removed {id}"))?;
        }
    }
    Ok(())
}
