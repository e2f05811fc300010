//! `waypost migrate apply`, `verify` and `rollback`: what a plan says, done, looked at, undone.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::on_disk::{journal_path, open_or_create, read_plan, same_plan};
use super::{Apply, Ends, FILE, Rollback, Verify};
use crate::behaviour::Behaviour;
use crate::cli::console::Console;
use crate::cli::private_file;
use crate::clock::Clock;
use crate::migrate::apply::{self, Extent, NewSecret, Report, Run, Sides, TargetSide};
use crate::migrate::gateway::Gateway;
use crate::migrate::plan::Plan;
use crate::migrate::rollback;
use crate::migrate::rollback::retire::{self, Readiness};
use crate::migrate::{Error, Journal, probe, verify};

/// The time that `--retire --after` goes on waiting beyond the time itself.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn apply(args: &Apply, console: &mut Console) -> anyhow::Result<()> {
    let plan = read_plan(&args.plan)?;
    let path = journal_path(args.journal.as_deref(), &args.plan);
    console.line(format_args!("journal: {}", path.display()))?;
    // Before anything is changed: a mistake in the flags shall cost nothing.
    let sides = sides(&plan, &args.ends, console).await?;
    if let Some(file) = &args.secrets_out {
        private_file::check(file)?;
    }
    let clock = Clock::system();
    let mut journal = open_or_create(&path, plan, &clock)?;
    let mut run = Run {
        journal: &mut journal,
        sides: &sides,
        progress: console,
        settle: args.settle,
        clock: &clock,
    };
    let extent = if args.retire { Extent::MoveAndRetire } else { Extent::Move };
    let report = match apply::apply(&mut run, extent).await {
        Ok(report) => report,
        Err(error) => return Err(how_it_stands(error, &journal, extent).into()),
    };
    tell(&report, console)?;
    hand_over(&report, &mut journal, args.secrets_out.as_deref(), console)
}

/// Adds to an error how far things had come: whoever reads it must know what is changed already.
fn how_it_stands(error: Error, journal: &Journal, extent: Extent) -> Error {
    let (plan, path) = (journal.plan(), journal.path().display());
    let all = plan.steps.len() + if extent == Extent::Move { 0 } else { plan.retire.len() };
    if journal.is_being_undone() {
        error
    } else if journal.is_untouched() {
        error.then("nothing was changed")
    } else {
        error.then(format_args!(
            "{} of {all} steps are done: the same command goes on with the others, `waypost \
             migrate rollback {path}` undoes them",
            journal.done()
        ))
    }
}

fn tell(report: &Report, console: &mut Console) -> anyhow::Result<()> {
    if report.done == 0 && report.found == 0 {
        let steps = report.before;
        console.line(format_args!("nothing to do: all {steps} steps were done before"))?;
        return Ok(());
    }
    console.line(format_args!(
        "done: {} steps carried out, {} found done already, {} done before",
        report.done, report.found, report.before
    ))?;
    Ok(())
}

/// Shows new secrets once, or writes them, all of them each time, where they were asked for.
fn hand_over(
    report: &Report,
    journal: &mut Journal,
    file: Option<&Path>,
    console: &mut Console,
) -> anyhow::Result<()> {
    let unshown: Vec<NewSecret> = report.unshown(journal).cloned().collect();
    for lost in unshown.iter().filter(|secret| secret.renewed) {
        console.note(format_args!(
            "the first secret of {} got lost in an interruption; this one is new",
            lost.url
        ));
    }
    if let Some(file) = file {
        let text = serde_json::to_string_pretty(&report.secrets).context("secrets are JSON")?;
        private_file::write(file, format!("{text}\n").as_bytes()).map_err(|error| {
            Error::failed(format!("{error:#}")).then(
                "all steps are done and the journal has the secrets: run the same command again \
                 to have them written",
            )
        })?;
        let (count, file) = (report.secrets.len(), file.display());
        console.line(format_args!("{count} new secrets are in {file}"))?;
    } else if !unshown.is_empty() {
        console.line("new secrets, for their receivers; they are not shown again:")?;
        for NewSecret { url, webhook, secret, .. } in &unshown {
            console.line(format_args!("  {url}  {webhook}  {secret}"))?;
        }
    } else if !report.secrets.is_empty() {
        console.note("its new secrets were shown before; --secrets-out FILE writes them once more");
    }
    for secret in &unshown {
        journal.note_shown(&secret.webhook)?;
    }
    Ok(())
}

pub(super) async fn compare(args: &Verify, console: &mut Console) -> anyhow::Result<()> {
    let plan = read_plan(&args.plan)?;
    let path = journal_path(args.journal.as_deref(), &args.plan);
    let sides = sides(&plan, &args.ends, console).await?;
    let clock = Clock::system();
    let journal = Journal::open(&path, &clock)?;
    same_plan(&journal, &plan)?;
    let mut findings = verify::verify(&journal, &sides, console).await?;
    let is_gateway = matches!(sides.to, TargetSide::Gateway(_));
    if is_gateway {
        findings.extend(verify::verify_gateway(&journal, &sides, console).await?);
    }
    if args.send_test {
        findings.extend(match is_gateway {
            true => probe::send_through(&journal, &sides, &clock, console).await?,
            false => verify::send_tests(&journal, &sides, console).await?,
        });
    }
    for line in &findings.good {
        console.line(format_args!("ok   {line}"))?;
    }
    for line in &findings.bad {
        console.line(format_args!("BAD  {line}"))?;
    }
    match findings.bad.len() {
        0 => Ok(()),
        count => Err(Error::failed(format!("{count} things are not as planned"))
            .and(
                "`waypost migrate apply` carries out what is missing; what somebody else changed \
                 is theirs to put back",
            )
            .into()),
    }
}

pub(super) async fn rollback(args: &Rollback, console: &mut Console) -> anyhow::Result<()> {
    let clock = Clock::system();
    let mut journal = Journal::open(&args.journal, &clock)?;
    let plan = journal.plan().clone();
    let sides = sides(&plan, &args.ends, console).await?;
    let mut run = Run {
        journal: &mut journal,
        sides: &sides,
        progress: console,
        settle: args.settle,
        clock: &clock,
    };
    let undone = match rollback::rollback(&mut run).await {
        Ok(undone) => undone,
        Err(error) if journal.is_being_undone() => {
            let next = "the rollback has begun and is not complete: run the same command again";
            return Err(error.then(next).into());
        }
        Err(error) => return Err(error.then("nothing was changed").into()),
    };
    console.line(format_args!("rolled back: {} steps undone", undone.steps))?;
    if !undone.left.is_empty() {
        return Err(Error::refused(format!(
            "these could not be put back; look at each, the rest is as it was:\n  {}",
            undone.left.join("\n  ")
        ))
        .into());
    }
    if undone.staying == 0 {
        return Ok(());
    }
    if !args.retire {
        console.note(
            "sources and webhooks stay at the gateway: the provider may still repeat events to \
             them, and what waits goes out. When that is over: the same command with --retire",
        );
        return Ok(());
    }
    let span = args.after.or_else(|| plan.from.dialect.map(retire::retry_span)).unwrap_or_default();
    let mut run = Run {
        journal: &mut journal,
        sides: &sides,
        progress: console,
        settle: args.settle,
        clock: &clock,
    };
    wait_until_ready(&mut run, span, args.after).await?;
    let cleared = retire::clear(&mut run).await?;
    console.line(format_args!("retired: {} things removed from the gateway", cleared.steps))?;
    Ok(())
}

/// Waits until nothing at the gateway is of use any more. The provider's own span is hours: whoever
/// did not ask for another one is told when to come back.
async fn wait_until_ready(
    run: &mut Run<'_>,
    span: Duration,
    asked: Option<Duration>,
) -> anyhow::Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        let told = match retire::readiness(run, span, run.clock.now()).await? {
            Readiness::Ready => return Ok(()),
            Readiness::Waiting(urls) => format!(
                "deliveries still wait for {}; see `waypost delivery list --state waiting`",
                urls.join(", ")
            ),
            Readiness::TooSoon(left) => format!(
                "the provider may still repeat events to the gateway: nothing must have come for \
                 {}, that is in {} at the earliest",
                in_words(span),
                in_words(left)
            ),
        };
        if asked.is_none_or(|asked| waited > asked + PATIENCE) {
            let next = "run the same command again then, or say with --after how long is enough";
            return Err(Error::refused(told).and(next).into());
        }
        if waited.is_zero() {
            run.progress.say(format_args!("{told}; waiting"));
        }
        let pause = Duration::from_millis(500);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

/// A span as a person says it.
fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Both sides of a plan, with what they need beside their keys.
async fn sides(plan: &Plan, ends: &Ends, console: &mut Console) -> anyhow::Result<Sides> {
    let dialect = plan.from.dialect.context("the plan names no source")?;
    let patience = ends.patience.time;
    let from = match plan.from.url.starts_with(FILE) {
        true => None,
        false => {
            let mut source = ends.source.clone();
            source.from_org = source.from_org.or_else(|| plan.from.org.clone());
            let from = source.connect(dialect, &plan.from.url)?.patient(patience);
            Some(from.knowing(ends.secrets.of_rows()?))
        }
    };
    let mut target = ends.target.clone();
    target.to_org = target.to_org.or_else(|| plan.to.org.clone());
    let to = match plan.to.dialect {
        Some(dialect) => {
            TargetSide::Provider(target.connect(dialect, &plan.to.url)?.patient(patience))
        }
        None => {
            let url = ends.gateway.into.as_deref().unwrap_or(&plan.to.url);
            TargetSide::Gateway(Gateway::connect(url, &ends.gateway.key()?)?.patient(patience))
        }
    };
    let has_own_secrets = Behaviour::of(dialect).has_own_secrets();
    let is_taken_over = plan.to.dialect.is_none() && !has_own_secrets;
    let (mut signing_key, mut secrets) = (None, ends.secrets.of_rows()?);
    if let Some(file) = plan.from.url.strip_prefix(FILE) {
        let state = super::file::read(Path::new(file), dialect, plan.from.domain.as_deref())?;
        secrets.extend(apply::secrets_of(&state));
    }
    if let Some(from) = &from {
        // What the account says of itself counts before what the environment happens to hold.
        if is_taken_over {
            signing_key = from.signing_key(console).await?.or(ends.secrets.signing_key()?);
        }
        if has_own_secrets {
            secrets = apply::secrets_of(&from.read(&[], console).await?);
        }
    }
    Ok(Sides { from, to, signing_key, secrets })
}
