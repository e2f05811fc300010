//! `waypost verify`: a provider's signature checked and, where it is bad, explained; offline.

use std::time::Duration;

use anyhow::Context;
use waypost_compat::signature::diagnose::{Case, diagnose};
use waypost_compat::{Provider, Secret};

use super::console::{Console, stdin};
use crate::clock::Clock;
use crate::config;
use crate::model::Timestamp;

pub(super) const EXAMPLES: &str = "\
Exits 0 if the signature is good, 1 if it is not; then it tries what goes wrong most (a secret with
white space or another prefix, a body that was read as JSON and written again, another header,
another dialect, an old timestamp) and says which of these it was. Give all headers that came.

Examples:
  waypost verify --dialect mailgun --secret key-… < body.json
  waypost verify --dialect posthawk --secret whsec_… \\
    --header 'X-Posthawk-Signature: sha256=…' < body.json
  waypost verify --dialect mailingapi --secret whsec_… --tolerance 5m \\
    --header 'X-MailingAPI-Signature: t=…,v1=…' < body.json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The provider that signed
    #[arg(long, value_name = "DIALECT")]
    dialect: Provider,
    /// The signing secret, as the provider writes it
    #[arg(long, env = "WAYPOST_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: String,
    /// A header of the request, `Name: value`; may be repeated
    #[arg(long, value_name = "HEADER", value_parser = header)]
    header: Vec<(String, String)>,
    /// How old the signature may be; any age if unset
    #[arg(long, value_name = "TIME", value_parser = config::duration)]
    tolerance: Option<Duration>,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let body = stdin("the request's body", console)?;
    let tolerance_s =
        args.tolerance.map_or(i64::MAX, |age| age.as_secs().try_into().unwrap_or(i64::MAX));
    let diagnosis = diagnose(&Case {
        provider: args.dialect,
        secret: &Secret::new(&args.secret),
        headers: &args.header,
        body: &body,
        now: Clock::system().now().seconds(),
        tolerance_s,
    });
    let verified = diagnosis.verdict;
    if let Ok(verified) = &verified {
        match verified.timestamp {
            Some(seconds) => {
                let at = Timestamp::from_millis(seconds.saturating_mul(1000));
                console.line(format_args!("good, signed {at}"))?;
            }
            None => console.line("good")?,
        }
    }
    for finding in &diagnosis.findings {
        console.line(finding)?;
    }
    verified.with_context(|| format!("not signed by {} with this secret", args.dialect))?;
    Ok(())
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
