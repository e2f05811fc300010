//! The command line: one file per verb; a client of a running server, except `serve` and `demo`.

mod account;
mod completions;
mod console;
mod delivery;
mod demo;
mod domain;
mod endpoint;
mod event;
mod export;
mod import;
mod key;
mod mailgun;
mod migrate;
mod names;
mod print;
mod private_file;
mod remote;
mod serve;
mod sign;
mod source;
mod table;
mod translate;
mod verify;
mod webhook;

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::client::api::CallError;
use crate::config;
use crate::migrate::{Error as MigrateError, ErrorKind as MigrateErrorKind};

use console::Console;

/// Exit code: done.
const DONE: u8 = 0;
/// Exit code: understood, and could not be done.
const FAILED: u8 = 1;
/// Exit code: not understood.
const USED_WRONGLY: u8 = 2;
/// Exit code: a plan was made, and something is lost in it.
const PLANNED_WITH_LOSSES: u8 = 3;
/// Exit code: no such thing.
const NOT_FOUND: u8 = 4;
/// Exit code: a server, or its present state, forbids it.
const REFUSED: u8 = 5;
/// Exit code: nobody answers.
const UNREACHABLE: u8 = 6;

const EXAMPLES: &str = "\
Examples:
  waypost demo                                  see everything at work, then keep serving
  waypost serve --data /var/lib/waypost         the gateway itself
  waypost domain add mg.example.com             a client of a running gateway
  waypost source add mg.example.com posthawk --secret whsec_…

Exit codes: 0 done, 1 failed, 2 used wrongly, 3 planned with losses, 4 not found, 5 refused,
6 unreachable.";

/// A self-hosted webhook gateway that speaks Mailgun
#[derive(Debug, Parser)]
#[command(name = "waypost", version, after_help = EXAMPLES, subcommand_required = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run the gateway
    #[command(after_help = serve::EXAMPLES)]
    Serve(Box<config::Options>),
    /// Run the gateway with a receiver and events of all five providers, and show what happens
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Args),
    /// Accounts: the tenants of a server
    Account(account::Args),
    /// Sending domains
    Domain(domain::Args),
    /// API keys
    Key(key::Args),
    /// Sources: provider connections that feed a domain
    Source(source::Args),
    /// Webhooks: Mailgun's to change, every dialect's to list
    Webhook(webhook::Args),
    /// Events that came in
    Event(event::Args),
    /// Endpoints: the receivers behind webhooks, to limit and to pause
    Endpoint(endpoint::Args),
    /// Deliveries: events on their way to webhooks
    Delivery(delivery::Args),
    /// Move webhooks from one account to another, of the same or another provider
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Args),
    /// Write the whole configuration as one file
    #[command(after_help = export::EXAMPLES)]
    Export(export::Args),
    /// Make the configuration what a file says, or say what would change
    #[command(after_help = import::EXAMPLES)]
    Import(import::Args),
    /// Print what each kind of event is called by each provider
    #[command(after_help = names::EXAMPLES)]
    Names(names::Args),
    /// Take an event from one dialect to another, standard input to standard output
    #[command(after_help = translate::EXAMPLES)]
    Translate(translate::Args),
    /// Sign a payload as a provider would, standard input to standard output
    #[command(after_help = sign::EXAMPLES)]
    Sign(sign::Args),
    /// Check a provider's signature on standard input
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Args),
    /// Print a shell's completion script
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Args),
}

/// A command that cannot be meant as it was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

/// The end of printing a plan that loses something: nothing went wrong, and a script must know.
#[derive(Debug, thiserror::Error)]
#[error("something is lost")]
struct PlannedWithLosses;

/// Runs the command that the arguments name and reports how it went; the first argument is the
/// program's name.
#[must_use]
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let mut console = Console::standard();
    let verb = match parse(arguments) {
        Ok(cli) => cli.verb,
        Err(ParseError::Clap(error)) => return ExitCode::from(report_usage(&error, &mut console)),
        Err(ParseError::File(error)) => {
            console.error(&error);
            return ExitCode::from(USED_WRONGLY);
        }
    };
    ExitCode::from(match perform(verb, &mut console) {
        Ok(()) => DONE,
        // Whoever read our output has read enough.
        Err(error) if is_broken_pipe(&error) => DONE,
        Err(error) if error.is::<PlannedWithLosses>() => PLANNED_WITH_LOSSES,
        Err(error) => {
            match error.downcast_ref::<MigrateError>() {
                // A drift is told line by line.
                Some(error) => console.note(format_args!("waypost: {error}")),
                None => console.error(&format_args!("{error:#}{}", hint(&error))),
            }
            exit_code(&error)
        }
    })
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Misuse>() {
        return USED_WRONGLY;
    }
    if let Some(error) = error.downcast_ref::<MigrateError>() {
        return match error.kind {
            MigrateErrorKind::Misuse => USED_WRONGLY,
            MigrateErrorKind::NotFound => NOT_FOUND,
            MigrateErrorKind::Refused => REFUSED,
            MigrateErrorKind::Unreachable => UNREACHABLE,
            MigrateErrorKind::Failed => FAILED,
        };
    }
    match error.downcast_ref::<CallError>() {
        Some(CallError::Refused { status: 404, .. }) => NOT_FOUND,
        Some(CallError::Refused { status: 400..=499, .. }) => REFUSED,
        Some(CallError::Unreachable { .. } | CallError::TooSlow { .. }) => UNREACHABLE,
        _ => FAILED,
    }
}

fn perform(verb: Verb, console: &mut Console) -> anyhow::Result<()> {
    match verb {
        Verb::Serve(options) => block_on(serve::run(&options, console)),
        Verb::Demo(args) => block_on(demo::run(&args, console)),
        Verb::Account(args) => block_on(account::run(&args, console)),
        Verb::Domain(args) => block_on(domain::run(&args, console)),
        Verb::Key(args) => block_on(key::run(&args, console)),
        Verb::Source(args) => block_on(source::run(&args, console)),
        Verb::Webhook(args) => block_on(webhook::run(&args, console)),
        Verb::Event(args) => block_on(event::run(&args, console)),
        Verb::Endpoint(args) => block_on(endpoint::run(&args, console)),
        Verb::Delivery(args) => block_on(delivery::run(&args, console)),
        Verb::Migrate(args) => block_on(migrate::run(&args, console)),
        Verb::Export(args) => block_on(export::run(&args, console)),
        Verb::Import(args) => block_on(import::run(&args, console)),
        Verb::Names(args) => names::run(&args, console),
        Verb::Translate(args) => translate::run(&args, console),
        Verb::Sign(args) => sign::run(&args, console),
        Verb::Verify(args) => verify::run(&args, console),
        Verb::Completions(args) => completions::run(&args, Cli::command(), console),
    }
}

/// A hint at what to look at where a call to a running server came to nothing.
fn hint(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref() {
        Some(CallError::Unreachable { .. }) => "; is `waypost serve` running there?",
        Some(CallError::Refused { status: 401, .. }) => {
            "; the server refused the key: check --api-key or WAYPOST_API_KEY"
        }
        _ => "",
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?
        .block_on(work)
}

enum ParseError {
    Clap(clap::Error),
    File(config::FileError),
}

impl From<clap::Error> for ParseError {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Reads the arguments; where they name a configuration file, once more with what it adds.
fn parse(mut arguments: Vec<OsString>) -> Result<Cli, ParseError> {
    let matches = Cli::command().try_get_matches_from(&arguments)?;
    if let Some(("serve", given)) = matches.subcommand()
        && let Some(path) = given.get_one::<std::path::PathBuf>("config")
    {
        let mut command = Cli::command();
        let serve = command.find_subcommand_mut("serve").expect("it was just parsed");
        let more = config::file_arguments(path, serve, given).map_err(ParseError::File)?;
        arguments.extend(more);
        return Ok(Cli::from_arg_matches(&Cli::command().try_get_matches_from(&arguments)?)?);
    }
    Ok(Cli::from_arg_matches(&matches)?)
}

/// Prints help or the version, if asked for; anything else is a mistake, told in one line.
fn report_usage(error: &clap::Error, console: &mut Console) -> u8 {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell if this fails.
            let _ = console.raw(text.as_bytes());
            DONE
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            console.note(text.trim_end());
            USED_WRONGLY
        }
        _ => {
            let told = text.split("\n\nUsage:").next().unwrap_or(&text);
            let told = told.split("\n\nFor more information").next().unwrap_or(told);
            let told = told.replace("\n\n", "; ");
            let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
            console.error(&words.strip_prefix("error: ").unwrap_or(&words));
            USED_WRONGLY
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_has_its_environment_variable() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for flag in serve.get_arguments().filter(|arg| arg.get_id() != "help") {
            let name = flag.get_long().unwrap();
            let expected = format!("WAYPOST_{}", name.to_uppercase().replace('-', "_"));
            assert_eq!(flag.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
        }
    }

    #[test]
    fn flags_that_take_secrets_do_not_show_them_in_help() {
        fn check(command: &clap::Command) {
            for arg in command.get_arguments() {
                let name = arg.get_id().as_str();
                if matches!(name, "api_key" | "secret" | "mailgun_upstream_key")
                    && arg.get_env().is_some()
                {
                    assert!(arg.is_hide_env_values_set(), "{} {name}", command.get_name());
                }
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
