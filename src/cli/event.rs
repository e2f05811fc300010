//! `waypost event`: events that came in, and events sent by hand.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use waypost_compat::Provider;

use super::console::{Console, stdin};
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional};
use crate::api::{BatchItem, Event, EventDetail, Page, Receipt};
use crate::client::api::{Answer, Payload, path, query};

const SEND: &str = "\
Reads one event, a JSON array of events, or one event a line. They need no signature: the account's
key vouches for them.

Examples:
  waypost event send mg.example.com --dialect posthawk < bounce.json
  waypost event send mg.example.com < mailgun-events.ndjson";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Events, newest first
    List {
        /// Only of this domain
        #[arg(long, value_name = "NAME")]
        domain: Option<String>,
        /// Only of this kind, such as `bounced`; `unknown` for names that we do not know
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Only to this recipient
        #[arg(long, value_name = "ADDRESS")]
        recipient: Option<String>,
        /// Only those that this source posted
        #[arg(long, value_name = "ID")]
        source: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Begin where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// One event and its deliveries
    Show {
        /// Its id, `evt_…`
        id: String,
        /// Print the provider's original bytes instead
        #[arg(long)]
        body: bool,
    },
    /// Send events on standard input into a domain
    #[command(after_help = SEND)]
    Send {
        /// The domain
        domain: String,
        /// The events' dialect
        #[arg(long, value_name = "DIALECT", default_value_t = Provider::Mailgun)]
        dialect: Provider,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    match &args.verb {
        Verb::List { domain, kind, recipient, source, limit, cursor } => {
            let at = query(
                "/waypost/v1/events",
                &[
                    ("domain", domain.clone()),
                    ("kind", kind.clone()),
                    ("recipient", recipient.clone()),
                    ("source", source.clone()),
                    ("limit", Some(limit.to_string())),
                    ("cursor", cursor.clone()),
                ],
            );
            let columns: [Column<Event>; 7] = [
                ("ID", |event| cell(&event.id)),
                ("RECEIVED", |event| cell(&event.received_at)),
                ("DOMAIN", |event| optional(event.domain.as_ref())),
                ("DIALECT", |event| cell(&event.dialect)),
                ("EVENT", |event| cell(&event.name)),
                ("KIND", |event| optional(event.kind.as_ref())),
                ("RECIPIENT", |event| optional(event.recipient.as_ref())),
            ];
            let answer = api.get_as(&at).await?;
            Printer::new(console, &args.remote).list(&answer, &columns)?;
        }
        Verb::Show { id, body: true } => {
            console.raw(&api.bytes(&path(&["waypost", "v1", "events", id, "body"])).await?)?;
        }
        Verb::Show { id, body: false } => {
            let at = path(&["waypost", "v1", "events", id]);
            let answer = api.get_as::<EventDetail>(&at).await?;
            Printer::new(console, &args.remote).one(&answer)?;
        }
        Verb::Send { domain, dialect } => {
            let events = stdin("events", console)?;
            let at = path(&["waypost", "v1", "domains", domain, "events"]);
            let at = query(&at, &[("dialect", Some(dialect.to_string()))]);
            let body = Payload::Typed(content_type(&events), Bytes::from(events));
            let answer = api.call_as(Method::POST, &at, body).await?;
            sent(answer, &mut Printer::new(console, &args.remote))?;
        }
    }
    Ok(())
}

/// The content type of events: several lines of which the first is a whole value are one a line.
fn content_type(events: &[u8]) -> &'static str {
    let mut lines =
        events.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_whole = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    match (lines.next(), lines.next()) {
        (Some(first), Some(_)) if is_whole(first) => "application/x-ndjson",
        _ => "application/json",
    }
}

/// The answer to events that were sent: a list where a list was sent.
#[derive(Deserialize)]
#[serde(untagged)]
enum Sent {
    Many(Page<BatchItem>),
    One(Receipt),
}

/// Shows what became of each event sent; fails if one was refused.
fn sent(answer: Answer<Sent>, print: &mut Printer<'_>) -> anyhow::Result<()> {
    let json = answer.json;
    let value = match answer.value {
        Sent::Many(page) => page,
        Sent::One(value) => return Ok(print.one(&Answer { json, value })?),
    };
    let answer = Answer { json, value };
    let columns: [Column<BatchItem>; 3] = [
        ("ID", |item| optional(item.id.as_ref())),
        ("STATUS", |item| cell(&item.status)),
        ("ERROR", |item| optional(item.error.as_ref().map(|error| &error.message))),
    ];
    print.list(&answer, &columns)?;
    let items = &answer.value.items;
    let refused = items.iter().filter(|item| item.error.is_some()).count();
    anyhow::ensure!(refused == 0, "{refused} of {} events were refused", items.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_a_line_is_told_from_one_event_on_many_lines() {
        assert_eq!(content_type(b"{\"a\":1}\n{\"a\":2}\n"), "application/x-ndjson");
        assert_eq!(content_type(b"{\n\"a\":1\n}\n"), "application/json");
        assert_eq!(content_type(b"[{\"a\":1}]"), "application/json");
    }
}
