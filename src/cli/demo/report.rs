//! The demo's report: each event in, each delivery out, the sum of it, and how to do it by hand.

use std::collections::HashMap;
use std::io;

use waypost_compat::matrix::{self, Fit, Mode};
use waypost_compat::sample::{self, Facts};
use waypost_compat::{Dialect, Kind};

use super::feed::Fed;
use super::receiver::Received;
use super::setup::{DOMAIN, Provider};
use crate::cli::console::Console;
use crate::clock::Clock;
use crate::model::EventId;

/// The tally of a run of the script.
#[derive(Default)]
pub(super) struct Tally {
    fed: Vec<Fed>,
    /// The events that are to be delivered, by recipient.
    expected: HashMap<String, Expected>,
}

/// The state of an event that is to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    UnderWay,
    Verified,
    /// Delivered with a bad signature, or to another webhook than it should be.
    Wrong,
}

impl Tally {
    /// Shows an event that was put in.
    pub(super) fn put_in(&mut self, fed: Fed, console: &mut Console) -> io::Result<()> {
        let name = format!("{:10}  {}", fed.dialect, fed.name);
        let whither = fed.webhook.unwrap_or("nowhere: Mailgun has no webhook for it");
        console.line(format_args!("in   {name:29} {:35} → {whither}", fed.recipient))?;
        if fed.webhook.is_some() {
            self.expected.insert(fed.recipient.clone(), Expected::UnderWay);
        }
        self.fed.push(fed);
        Ok(())
    }

    /// Shows a delivery that the receiver got.
    pub(super) fn received(&mut self, got: &Received, console: &mut Console) -> io::Result<()> {
        let fed = self.fed.iter().find(|fed| fed.recipient == got.recipient);
        let latency = fed.map_or_else(String::new, |fed| {
            format!("{} ms", got.at.since(fed.sent_at).as_millis())
        });
        let judged = got
            .refused
            .as_ref()
            .map_or_else(|| "signature ✓".to_owned(), |reason| format!("signature ✗ ({reason})"));
        let event = format!("{} (event {})", got.webhook, got.event);
        console.line(format_args!("out  {event:29} {:35} {judged}  {latency}", got.recipient))?;
        let rightly = fed.is_none_or(|fed| fed.webhook == Some(&got.webhook));
        if let Some(state) = self.expected.get_mut(&got.recipient) {
            let right = got.refused.is_none() && rightly && *state != Expected::Wrong;
            *state = if right { Expected::Verified } else { Expected::Wrong };
        }
        Ok(())
    }

    /// True once nothing is awaited any more.
    pub(super) fn is_complete(&self) -> bool {
        self.count(Expected::UnderWay) == 0
    }

    /// True if every event that could be delivered was, well signed.
    pub(super) fn is_right(&self) -> bool {
        self.count(Expected::Verified) == self.expected.len()
    }

    fn count(&self, state: Expected) -> usize {
        self.expected.values().filter(|one| **one == state).count()
    }

    /// Shows the sum, and what could not be delivered and why.
    pub(super) fn summary(&self, console: &mut Console) -> io::Result<()> {
        let arrived = self.expected.len() - self.count(Expected::UnderWay);
        console.line(format_args!(
            "\n{} events in from {} providers · {} deliverable to Mailgun webhooks · {arrived} \
             delivered · {} verified",
            self.fed.len(),
            Dialect::ALL.len(),
            self.expected.len(),
            self.count(Expected::Verified),
        ))?;
        for fed in self.fed.iter().filter(|fed| fed.webhook.is_none()) {
            let (dialect, name, why) = (fed.dialect, fed.name, why_not(fed));
            console.line(format_args!("not delivered: {dialect} {name}: {why}"))?;
        }
        for (recipient, state) in &self.expected {
            match state {
                Expected::Verified => {}
                Expected::UnderWay => console.line(format_args!("missing: {recipient}"))?,
                Expected::Wrong => console.line(format_args!("wrong: {recipient}"))?,
            }
        }
        Ok(())
    }
}

/// The reason why Mailgun's webhooks do not tell of an event, in the words of the matrix.
fn why_not(fed: &Fed) -> &'static str {
    match matrix::map(fed.dialect, fed.name, Dialect::Mailgun, Mode::Strict).map(|cell| cell.fit) {
        Some(Fit::Impossible { why }) => why,
        _ => "Mailgun has no webhook for it",
    }
}

/// Shows the commands that do by hand what the script did.
pub(super) fn by_hand(
    base: &str,
    key: &str,
    providers: &[Provider],
    console: &mut Console,
) -> anyhow::Result<()> {
    let posthawk = providers.iter().find(|provider| provider.dialect == Dialect::Posthawk);
    let Some(source) = posthawk else { return Ok(()) };
    let clock = Clock::system();
    let now = clock.now();
    let facts = Facts {
        event_id: &EventId::timed(now, clock.random()).to_string(),
        recipient: "you@example.org",
        domain: DOMAIN,
        occurred_at_ms: now.millis(),
        ..Facts::default()
    };
    let body = sample::body(Dialect::Posthawk, Kind::Bounced, &facts).unwrap_or_default();
    let body = String::from_utf8(body)?.replace('\'', "'\\''");
    let (secret, path) = (source.secret.expose(), &source.ingest_path);
    console.line(format_args!(
        "\nBy hand, in another terminal:\n
# what is registered, as a Mailgun SDK asks
curl -s -u 'api:{key}' {base}/v3/domains/{DOMAIN}/webhooks

# a bounce, as Posthawk posts it: signed over the exact body (again: a duplicate)
body='{body}'
curl -s {base}{path} -H 'Content-Type: application/json' \\
  -H \"X-Posthawk-Signature: sha256=$(printf %s \"$body\" | openssl dgst -sha256 -hmac '{secret}' -r | cut -d' ' -f1)\" \\
  --data-binary \"$body\"

# every delivery with its state; one with its attempts is .../deliveries/ID
curl -s -u 'api:{key}' '{base}/waypost/v1/deliveries?limit=5'
WAYPOST_URL={base} WAYPOST_API_KEY='{key}' waypost delivery list"
    ))?;
    Ok(())
}
