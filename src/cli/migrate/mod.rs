//! `waypost migrate`: webhooks from one account to another, planned, carried out, proved, undone.

mod file;
mod flags;
mod on_disk;
mod plan;
mod run;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use waypost_compat::Dialect;

use super::console::Console;
use crate::config;
use crate::migrate::Progress;

pub(super) const EXAMPLES: &str = "\
Keys are taken from flags, from the environment (WAYPOST_FROM_KEY …) or from files, at each step
anew: a plan and a journal hold none. A plan changes nothing.

Examples:
  waypost migrate plan --from mailgun --from-key key-… --domain mg.example.com \\
    --to posthawk --to-key phk_… --out move.plan
  waypost migrate apply move.plan --from-key key-… --to-key phk_… --secrets-out secrets.json
  waypost migrate verify move.plan --from-key key-… --to-key phk_… --send-test
  waypost migrate apply move.plan --from-key key-… --to-key phk_… --retire
  waypost migrate rollback move.plan.journal --from-key key-… --to-key phk_…
A gateway in between, and out again:
  waypost migrate plan --from mailgun --from-key key-… \\
    --into https://hooks.example.com --into-key key-… --out in.plan
  waypost migrate apply in.plan --from-key key-… --into-key key-…
  waypost migrate rollback in.plan.journal --from-key key-… --into-key key-…
  waypost migrate rollback in.plan.journal --from-key key-… --into-key key-… --retire

Exit codes: 0 done (plan: nothing is lost), 1 failed, 2 used wrongly, 3 planned with losses,
4 not found, 5 refused, 6 unreachable.";

/// The beginning of a source's address where it was read from a file.
const FILE: &str = "file:";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Read both sides and say what would be done; changes nothing
    Plan(Box<Plan>),
    /// Carry out a plan, or what is left of it
    Apply(Box<Apply>),
    /// Compare both sides with the plan
    Verify(Box<Verify>),
    /// Restore both sides, from wherever the journal stands
    Rollback(Box<Rollback>),
}

#[derive(Debug, clap::Args)]
struct Plan {
    /// The provider that is read
    #[arg(long, value_name = "DIALECT")]
    from: Dialect,
    #[command(flatten)]
    source: flags::From,
    /// The provider that gets the webhooks
    #[arg(long, value_name = "DIALECT", required_unless_present = "into", conflicts_with = "into")]
    to: Option<Dialect>,
    #[command(flatten)]
    target: flags::To,
    #[command(flatten)]
    gateway: flags::Into,
    /// The domain, on both sides; a Mailgun account with one domain needs none
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// The domain at the source, where it has another name there
    #[arg(long, value_name = "NAME")]
    from_domain: Option<String>,
    /// The domain at the target
    #[arg(long, value_name = "NAME")]
    to_domain: Option<String>,
    /// Read the source from what `waypost export` wrote, in the place of an API
    #[arg(long, value_name = "FILE", conflicts_with = "into")]
    from_file: Option<PathBuf>,
    /// Take the nearest event name where none means the same
    #[arg(long)]
    lenient: bool,
    /// Let the gateway be at a private or loopback address
    #[arg(long)]
    allow_private: bool,
    #[command(flatten)]
    secrets: flags::Secrets,
    #[command(flatten)]
    patience: flags::Patience,
    /// Print the plan as data, which `apply` reads
    #[arg(long)]
    json: bool,
    /// Write the plan as data to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The two sides of a plan or a journal, and what they need.
#[derive(Debug, clap::Args)]
struct Ends {
    #[command(flatten)]
    source: flags::From,
    #[command(flatten)]
    target: flags::To,
    #[command(flatten)]
    gateway: flags::Into,
    #[command(flatten)]
    secrets: flags::Secrets,
    #[command(flatten)]
    patience: flags::Patience,
}

#[derive(Debug, clap::Args)]
struct Apply {
    /// The plan, as `plan --out` or `plan --json` wrote it
    plan: PathBuf,
    #[command(flatten)]
    ends: Ends,
    /// Where to write down what is done; beside the plan if unset
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Switch the source off as well
    #[arg(long)]
    retire: bool,
    /// Write new secrets to this file and do not print them
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
    /// How long to wait, between lists and entries that share a URL, until the provider acts on a
    /// change; Mailgun says that it may take 10m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = config::duration)]
    settle: Duration,
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The plan
    plan: PathBuf,
    #[command(flatten)]
    ends: Ends,
    /// The journal; beside the plan if unset
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Send a test event through: the target's own, where its API can, or a signed one through the
    /// gateway to the real receivers
    #[arg(long)]
    send_test: bool,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// The journal
    journal: PathBuf,
    #[command(flatten)]
    ends: Ends,
    /// Out of a gateway: remove what the move into it made there, once nothing waits and nothing
    /// has come for as long as the provider repeats
    #[arg(long)]
    retire: bool,
    /// In the place of that span: wait until nothing has come for so long
    #[arg(long, value_name = "TIME", requires = "retire", value_parser = config::duration)]
    after: Option<Duration>,
    /// How long to wait until the provider acts on a change, where it matters
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = config::duration)]
    settle: Duration,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Plan(args) => plan::run(args, console).await,
        Verb::Apply(args) => run::apply(args, console).await,
        Verb::Verify(args) => run::compare(args, console).await,
        Verb::Rollback(args) => run::rollback(args, console).await,
    }
}

impl Progress for Console {
    fn say(&mut self, line: fmt::Arguments<'_>) {
        self.note(line);
    }
}
