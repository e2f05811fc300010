//! `waypost account`: the tenants of a server, for whoever runs it.

use http::Method;
use serde_json::json;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use crate::client::api::Payload;

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
            let columns = [("ID", "/id"), ("NAME", "/name"), ("CREATED", "/created_at")];
            print.list(&api.get("/waypost/v1/accounts").await?, "/items", &columns)?;
        }
        Verb::Add { name } => {
            let body = json!({ "name": name });
            let call = api.call(Method::POST, "/waypost/v1/accounts", Payload::Json(&body));
            print.one(&call.await?)?;
        }
        Verb::Show => print.one(&api.get("/waypost/v1/account").await?)?,
    }
    Ok(())
}
