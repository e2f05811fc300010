//! `waypost verify`: a provider's signature checked, offline.

use std::time::Duration;

use anyhow::Context;
use waypost_compat::{Dialect, Secret, signature};

use super::console::{Console, stdin};
use crate::ambient::Ambient;
use crate::config;
use crate::model::Timestamp;

pub(super) const EXAMPLES: &str = "\
Exits 0 if the signature is good, 1 if it is not. The body must be the bytes that were received:
a body that was read as JSON and written again is another body.

Examples:
  waypost verify --dialect mailgun --secret key-… < body.json
  waypost verify --dialect posthawk --secret whsec_… \\
    --header 'X-Posthawk-Signature: sha256=…' < body.json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The provider that signed
    #[arg(long, value_name = "DIALECT")]
    dialect: Dialect,
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
    let tolerance =
        args.tolerance.map_or(i64::MAX, |age| age.as_secs().try_into().unwrap_or(i64::MAX));
    let header = |name: &str| {
        args.header.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let now = Ambient::system().now();
    let secret = Secret::new(&args.secret);
    let verified =
        signature::verify(args.dialect, &[&secret], header, &body, now.seconds(), tolerance)
            .with_context(|| format!("not signed by {} with this secret", args.dialect))?;
    match verified.timestamp {
        Some(seconds) => {
            let at = Timestamp::from_millis(seconds.saturating_mul(1000));
            console.line(format_args!("good, signed {at}"))?;
        }
        None => console.line("good")?,
    }
    Ok(())
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}
