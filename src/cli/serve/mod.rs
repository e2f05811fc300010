//! `waypost serve`: the gateway, from its configuration to its last synced byte.

mod account;
mod gateway;
mod tester;
mod upstream;

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::Misuse;
use super::console::Console;
use crate::config::{LogFormat, Options};

pub(super) use gateway::Gateway;

pub(super) const EXAMPLES: &str = "\
The first line on standard output is `listening on http://ADDRESS`; logs go to standard error.
SIGTERM and Ctrl-C let what is under way end, then exit 0; a second one exits at once.

Examples:
  waypost serve                                       try it on this machine
  waypost serve --data /var/lib/waypost --public-url https://hooks.example.com
  waypost serve --allow-target 10.0.0.0/8             receivers in a private network
  waypost serve --mailgun-upstream https://api.mailgun.net        mail still goes by Mailgun; its
                                      key in WAYPOST_MAILGUN_UPSTREAM_KEY
  WAYPOST_API_KEY=key-… waypost serve --config /etc/waypost.toml";

/// Serves until it is told to stop.
pub(super) async fn run(options: &Options, console: &mut Console) -> anyhow::Result<()> {
    log(options)?;
    // Before anything is announced: who reads the address may send a signal at once.
    let told = stop_signal()?;
    let gateway = Gateway::open(options).await?;
    // Whoever started it may have read the address and gone; that is no reason to stop.
    let mut tell = |text: &dyn Display| console.line(text).or_else(unless_nobody_reads);
    tell(&format_args!("listening on {}", gateway.base()))?;
    for news in gateway.news() {
        tell(news)?;
    }
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(gateway.run(stopped));
    let ended = async move {
        told.await;
        let _ = stop.send(true);
    };
    tokio::spawn(ended);
    serving.await.context("the server broke off")?
}

fn unless_nobody_reads(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// Sends log lines to standard error, as they were asked for.
pub(super) fn log(options: &Options) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.log).map_err(|error| {
        Misuse(format!("--log: expected a filter such as `info`, found {:?}: {error}", options.log))
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match options.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// Resolves when the process is told to stop; from then on a second time ends it at once.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("told to stop; finishing what is under way");
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("told to stop once more; ending now");
            std::process::exit(i32::from(super::FAILED));
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
