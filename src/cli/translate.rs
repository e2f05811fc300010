//! `waypost translate`: an event from one dialect to another, offline.

use anyhow::Context as _;
use waypost_compat::translate::Context;
use waypost_compat::{Dialect, Provider, translate};

use super::console::{Console, stdin};
use crate::clock::Clock;
use crate::model::{EventId, hex};

pub(super) const EXAMPLES: &str = "\
What the target has no place for is named on standard error. For Mailgun the result is the
`event-data` object; `waypost sign --dialect mailgun` puts the signed envelope around it.

Examples:
  waypost translate --from posthawk --to mailgun < bounce.json
  waypost translate --from posthawk --to mailgun < bounce.json | waypost sign --dialect mailgun --secret key-…";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The dialect of the event on standard input
    #[arg(long, value_name = "DIALECT")]
    from: Provider,
    /// The dialect to write
    #[arg(long, value_name = "DIALECT")]
    to: Dialect,
    /// The sending domain, for payloads that name it
    #[arg(long, value_name = "NAME", default_value = "example.com")]
    domain: String,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let body = stdin("an event", console)?;
    let clock = Clock::system();
    let now = clock.now();
    let context = Context {
        domain: args.domain.clone(),
        account: hex(&[0; 12]),
        event_id: EventId::timed(now, clock.random()).to_string(),
        received_at_ms: now.millis(),
    };
    let rendered = translate(args.from, &body, args.to, &context)
        .with_context(|| format!("cannot translate from {} to {}", args.from, args.to))?;
    console.raw(&rendered.body)?;
    console.raw(b"\n")?;
    if !rendered.lost.is_empty() {
        console.note(format_args!("lost: {}", rendered.lost.join(", ")));
    }
    Ok(())
}
