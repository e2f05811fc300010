//! `waypost webhook`: webhooks; Mailgun's are changed through Mailgun's own API.

use http::Method;

use super::console::Console;
use super::mailgun::WebhookAnswer;
use super::print::Printer;
use super::remote::Remote;
use super::table::{Column, cell, optional, several};
use crate::api::{UpdateWebhook, Webhook};
use crate::client::api::{Answer, Payload, path, query};

const EVENTS: &str = "\
Event names: accepted, delivered, opened, clicked, unsubscribed, complained, temporary_fail,
permanent_fail. A name has one to three URLs.";

const SIGNATURES: &str = "\
Posthawk: body (the default) or timestamped. MailStack: timestamped (the default) or body. The
other dialects have one way each.";

#[derive(Debug, clap::Args)]
#[command(after_help = EVENTS)]
pub(super) struct Args {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Webhooks of every dialect
    List {
        /// Only those that may receive this domain's events
        domain: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Begin where an earlier list ended
        #[arg(long, value_name = "CURSOR")]
        cursor: Option<String>,
    },
    /// Register URLs for an event name that has none
    #[command(after_help = EVENTS)]
    Add {
        /// The domain
        domain: String,
        /// The event's name
        event: String,
        /// Where deliveries go
        #[arg(value_name = "URL", required = true)]
        urls: Vec<String>,
    },
    /// The URLs of one event name
    Show {
        /// The domain
        domain: String,
        /// The event's name
        event: String,
    },
    /// Replace the URLs of an event name
    #[command(after_help = EVENTS)]
    Set {
        /// The domain
        domain: String,
        /// The event's name
        event: String,
        /// Where deliveries go from now on
        #[arg(value_name = "URL", required = true)]
        urls: Vec<String>,
    },
    /// Choose how a webhook's deliveries are signed
    #[command(after_help = SIGNATURES)]
    Sign {
        /// The webhook's id, as `webhook list --json` shows it
        id: String,
        /// What is signed
        signature: String,
    },
    /// Remove the URLs of an event name
    Remove {
        /// The domain
        domain: String,
        /// The event's name
        event: String,
    },
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let api = args.remote.api()?;
    let mut print = Printer::new(console, &args.remote);
    match &args.verb {
        Verb::List { domain, limit, cursor } => {
            let parameters = [
                ("domain", domain.clone()),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor.clone()),
            ];
            let columns: [Column<Webhook>; 5] = [
                ("EVENTS", |webhook| several(&webhook.events)),
                ("URL", |webhook| cell(&webhook.url)),
                ("DIALECT", |webhook| cell(&webhook.dialect)),
                ("STATE", |webhook| cell(&webhook.state)),
                ("DOMAIN", |webhook| optional(webhook.domain.as_ref())),
            ];
            print
                .list(&api.get_as(&query("/waypost/v1/webhooks", &parameters)).await?, &columns)?;
        }
        Verb::Add { domain, event, urls } => {
            let mut form = vec![("id", event.as_str())];
            form.extend(urls.iter().map(|url| ("url", url.as_str())));
            let answer = api.call_as(Method::POST, &all(domain), Payload::Form(&form)).await?;
            print.rows(&answer, &rows(event, &answer))?;
        }
        Verb::Show { domain, event } => {
            let answer = api.get_as(&one(domain, event)).await?;
            print.rows(&answer, &rows(event, &answer))?;
        }
        Verb::Set { domain, event, urls } => {
            let form: Vec<_> = urls.iter().map(|url| ("url", url.as_str())).collect();
            let answer =
                api.call_as(Method::PUT, &one(domain, event), Payload::Form(&form)).await?;
            print.rows(&answer, &rows(event, &answer))?;
        }
        Verb::Sign { id, signature } => {
            let place = path(&["waypost", "v1", "webhooks", id]);
            let request = Payload::json(&UpdateWebhook { signature });
            let answer = api.call_as::<Webhook>(Method::PATCH, &place, request).await?;
            print.done(&answer.json, format_args!("{id} is signed: {}", answer.value.signature))?;
        }
        Verb::Remove { domain, event } => {
            let answer = api.call(Method::DELETE, &one(domain, event), Payload::None).await?;
            print.done(&answer, format_args!("removed {event} of {domain}"))?;
        }
    }
    Ok(())
}

/// One row for each URL of a Mailgun webhook.
fn rows(event: &str, answer: &Answer<WebhookAnswer>) -> Vec<Vec<String>> {
    let urls = answer.value.webhook.urls.iter();
    urls.map(|url| vec![event.to_owned(), cell(url)]).collect()
}

fn all(domain: &str) -> String {
    path(&["v3", "domains", domain, "webhooks"])
}

fn one(domain: &str, event: &str) -> String {
    path(&["v3", "domains", domain, "webhooks", event])
}
