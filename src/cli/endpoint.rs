//! `waypost endpoint`: the receivers behind webhooks.

use http::Method;

use super::console::Console;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional};
use crate::api::{Endpoint, UpdateEndpoint};
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
    /// Endpoints, with their health and what waits for them
    List {
        /// Only those of this domain's webhooks
        #[arg(long, value_name = "NAME")]
        domain: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Begin where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// One endpoint with its last failure
    Show {
        /// Its id, `ept_…`
        id: String,
    },
    /// Limit the attempts to an endpoint; it holds at once
    #[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
    Set {
        /// Its id, `ept_…`
        id: String,
        /// Attempts per second, such as `10` or `0.5`; `none` for the server's limit
        #[arg(long, group = "what", value_name = "N", value_parser = or_none::<f64>)]
        rate: Option<Limit<f64>>,
        /// Attempts in flight; `none` for the server's limit
        #[arg(long, group = "what", value_name = "N", value_parser = or_none::<u32>)]
        concurrency: Option<Limit<u32>>,
    },
    /// Hold an endpoint's deliveries; new ones go on being queued
    Pause {
        /// Its id, `ept_…`
        id: String,
    },
    /// Let an endpoint's deliveries go out again
    Resume {
        /// Its id, `ept_…`
        id: String,
    },
}

/// A limit to set, or to take away.
#[derive(Debug, Clone, Copy)]
struct Limit<T>(Option<T>);

fn or_none<T: std::str::FromStr>(text: &str) -> Result<Limit<T>, String> {
    match text {
        "none" => Ok(Limit(None)),
        text => text
            .parse()
            .map(|limit| Limit(Some(limit)))
            .map_err(|_| format!("expected a number or `none`, found {text:?}")),
    }
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    let (id, request) = match &args.verb {
        Verb::List { domain, limit, cursor } => {
            let at = query(
                "/waypost/v1/endpoints",
                &[
                    ("domain", domain.clone()),
                    ("limit", Some(limit.to_string())),
                    ("cursor", cursor.clone()),
                ],
            );
            let columns: [Column<Endpoint>; 8] = [
                ("ID", |endpoint| cell(&endpoint.id)),
                ("STATE", |endpoint| cell(&endpoint.state)),
                ("DIALECT", |endpoint| cell(&endpoint.dialect)),
                ("WAITING", waiting),
                ("FAILURES", |endpoint| cell(&endpoint.health.failures)),
                ("RATE", |endpoint| optional(endpoint.limits.rate.as_ref())),
                ("IN FLIGHT", |endpoint| cell(&endpoint.limits.concurrency)),
                ("URL", |endpoint| cell(&endpoint.url)),
            ];
            return Ok(print.list(&api.get_as(&at).await?, &columns)?);
        }
        Verb::Show { id } => return Ok(print.one(&api.get_as::<Endpoint>(&one(id)).await?)?),
        Verb::Set { id, rate, concurrency } => {
            let request = UpdateEndpoint {
                rate: rate.map(|limit| limit.0),
                concurrency: concurrency.map(|limit| limit.0),
                paused: None,
            };
            (id, request)
        }
        Verb::Pause { id } => (id, UpdateEndpoint { paused: Some(true), ..Default::default() }),
        Verb::Resume { id } => (id, UpdateEndpoint { paused: Some(false), ..Default::default() }),
    };
    let at = one(id);
    let call = api.call_as::<Endpoint>(Method::PATCH, &at, Payload::json(&request));
    Ok(print.one(&call.await?)?)
}

fn waiting(endpoint: &Endpoint) -> String {
    let more = if endpoint.waiting_more { "+" } else { "" };
    cell(&format_args!("{}{more}", endpoint.waiting))
}

fn one(id: &str) -> String {
    path(&["waypost", "v1", "endpoints", id])
}
