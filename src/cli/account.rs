//! `waypost account`: the tenants of a server, for whoever runs it.

use http::Method;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell};
use crate::api::{Account, CreateAccount, CreatedAccount, OwnAccount};
use crate::client::api::Payload;

const ACCOUNTS: &str = "/waypost/v1/accounts";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// All accounts of the server; takes the key of its first account
    List,
    /// Add an account and print its first key, which is shown this once
    Add {
        /// A name for people
        name: String,
    },
    /// The account that the key belongs to
    Show,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List => {
            let columns: [Column<Account>; 3] = [
                ("ID", |account| cell(&account.id)),
                ("NAME", |account| cell(&account.name)),
                ("CREATED", |account| cell(&account.created_at)),
            ];
            print.list(&api.get_as(ACCOUNTS).await?, &columns)?;
        }
        Verb::Add { name } => {
            let request = Payload::json(&CreateAccount { name });
            print.one(&api.call_as::<CreatedAccount>(Method::POST, ACCOUNTS, request).await?)?;
        }
        Verb::Show => print.one(&api.get_as::<OwnAccount>("/waypost/v1/account").await?)?,
    }
    Ok(())
}
