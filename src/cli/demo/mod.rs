//! `waypost demo`: the real server and a real receiver on loopback, events of five providers in,
//! signed Mailgun deliveries out, shown as they happen.

mod feed;
mod receiver;
mod report;
mod setup;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::sync::watch;

use super::console::Console;
use super::remote::connect;
use super::serve::{self, Gateway};
use crate::clock::Clock;
use crate::config::Options;
use receiver::Receiver;
use report::Tally;

/// The longest that the last delivery may take: more than any needs, less than a person waits.
const DELIVERY_MAX: Duration = Duration::from_secs(30);

pub(super) const EXAMPLES: &str = "\
Everything stays on this machine. The data is temporary unless --data names a directory.

Examples:
  waypost demo                          run the script, then keep serving until Ctrl-C
  waypost demo --once                   end after the script: exit code 0 if every delivery arrived
                                        and verified
  waypost demo --listen 127.0.0.1:0     on a free port";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the script instead of serving on
    #[arg(long)]
    once: bool,
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, env = "WAYPOST_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8740")]
    listen: SocketAddr,
    // No environment variable: one that is set for `serve` must not put a demo into real data.
    /// Keep the data in this directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) async fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    // Removed with everything in it when this function ends.
    let temporary = tempfile::Builder::new().prefix("waypost-demo-").tempdir();
    let temporary = temporary.context("cannot make a temporary directory")?;
    let clock = Clock::system();
    let key = format!("key-{}", clock.random_hex::<16>());
    let options = Options {
        listen: args.listen,
        data: args.data.clone().unwrap_or_else(|| temporary.path().join("data")),
        api_key: Some(key.clone()),
        allow_target: vec!["127.0.0.0/8".parse().expect("it is a range")],
        log: "warn".to_owned(),
        ..Options::default()
    };
    serve::log(&options)?;
    let told = serve::stop_signal()?;
    let gateway = Gateway::open(&options).await?;
    let base = gateway.base();
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(gateway.run(stopped));
    let shown = tokio::select! {
        shown = show(args, &base, &key, console) => shown,
        () = told => match args.once {
            true => Err(anyhow!("stopped before the end of the script")),
            false => Ok(()),
        },
    };
    // It may have ended on its own, which its result tells.
    let _ = stop.send(true);
    serving.await.context("the server broke off")??;
    shown
}

/// Runs the script against the server at `base`, then, unless it is told not to, shows what else
/// the receiver gets, for ever.
async fn show(args: &Args, base: &str, key: &str, console: &mut Console) -> anyhow::Result<()> {
    let clock = Clock::system();
    let api = connect(base, key)?;
    let mut receiver = Receiver::start().await?;
    console.line(format_args!("listening on {base}"))?;
    setup::domain(&api).await?;
    let names = setup::webhooks(&api, &receiver).await?;
    receiver.trust(&setup::signing_key(&api).await?);
    let providers = setup::providers(&api, &clock).await?;
    console.line(format_args!(
        "registered through the Mailgun API for {}: {}\nreceiver at {}\nfive sources, one for \
         each provider; now one of each of their events\n",
        setup::DOMAIN,
        names.join(" "),
        receiver.url("…"),
    ))?;

    let mut tally = Tally::default();
    for (provider, kind) in feed::script(&providers) {
        let fed = feed::feed(&api, provider, kind, &clock).await?;
        tally.put_in(fed, console)?;
        while let Some(received) = receiver.ready() {
            tally.received(&received, console)?;
        }
    }
    let rest = async {
        while !tally.is_complete() {
            tally.received(&receiver.next().await, console)?;
        }
        anyhow::Ok(())
    };
    // What did not come in time is missing from the tally.
    if let Ok(shown) = tokio::time::timeout(DELIVERY_MAX, rest).await {
        shown?;
    }
    tally.summary(console)?;
    if !args.once {
        report::by_hand(base, key, &providers, console)?;
        console.line("\nserving until Ctrl-C; deliveries are shown as they arrive")?;
        loop {
            tally.received(&receiver.next().await, console)?;
        }
    }
    ensure!(tally.is_right(), "not every delivery arrived and verified");
    Ok(())
}
