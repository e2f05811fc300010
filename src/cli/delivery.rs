//! `waypost delivery`: events on their way to webhooks.

use http::Method;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional};
use crate::api::{DeliveryDetail, DeliverySummary, Replayed};
use crate::client::api::{Payload, path, query};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Deliveries, newest first
    List {
        /// Only of this domain's events
        #[arg(long, value_name = "NAME")]
        domain: Option<String>,
        /// Only in this state
        #[arg(long, value_name = "STATE",
              value_parser = ["waiting", "delivered", "dead", "cancelled"])]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Begin where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// One delivery with every attempt
    Show {
        /// Its id, `dlv_…`
        id: String,
    },
    /// Deliver the same events to the same webhooks again
    Replay {
        /// Ids of deliveries, `dlv_…`
        #[arg(required = true)]
        id: Vec<String>,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List { domain, state, limit, cursor } => {
            let at = query(
                "/waypost/v1/deliveries",
                &[
                    ("domain", domain.clone()),
                    ("state", state.clone()),
                    ("limit", Some(limit.to_string())),
                    ("cursor", cursor.clone()),
                ],
            );
            let columns: [Column<DeliverySummary>; 8] = [
                ("ID", |delivery| cell(&delivery.id)),
                ("STATE", |delivery| cell(&delivery.state)),
                ("KIND", |delivery| optional(delivery.kind.as_ref())),
                ("DIALECT", |delivery| cell(&delivery.dialect)),
                ("ATTEMPTS", |delivery| cell(&delivery.attempts)),
                ("LAST", |delivery| optional(delivery.last_status.as_ref())),
                ("NEXT ATTEMPT", |delivery| optional(delivery.next_attempt_at.as_ref())),
                ("URL", |delivery| cell(&delivery.url)),
            ];
            print.list(&api.get_as(&at).await?, &columns)?;
        }
        Verb::Show { id } => print.one(&api.get_as::<DeliveryDetail>(&one(id)).await?)?,
        Verb::Replay { id } => {
            for id in id {
                let at = one(id) + "/replay";
                let answer = api.call_as::<Replayed>(Method::POST, &at, Payload::None).await?;
                let new = answer.value.id;
                print.done(&answer.json, format_args!("{id} is replayed as {new}"))?;
            }
        }
    }
    Ok(())
}

fn one(id: &str) -> String {
    path(&["waypost", "v1", "deliveries", id])
}
