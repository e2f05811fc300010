//! `waypost key`: API keys, each for one dialect's API.

use http::Method;
use serde_json::json;
use waypost_compat::Dialect;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
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
            let columns = [
                ("ID", "/id"),
                ("DIALECT", "/dialect"),
                ("DOMAIN", "/domain"),
                ("DESCRIPTION", "/description"),
                ("CREATED", "/created_at"),
            ];
            print.list(&api.get(KEYS).await?, "/items", &columns)?;
        }
        Verb::Add { dialect, domain, scope, description } => {
            let mut wish = json!({"dialect": dialect});
            let wishes = [("domain", domain), ("scope", scope), ("description", description)];
            for (name, value) in wishes {
                if let Some(value) = value {
                    wish[name] = json!(value);
                }
            }
            let answer = api.call(Method::POST, KEYS, Payload::Json(&wish)).await?;
            print.one(&answer)?;
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
