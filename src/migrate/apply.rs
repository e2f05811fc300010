//! Carrying a plan out, a step at a time, each written down before and after.

mod fit;
mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::Error;
use super::gateway::Gateway;
use super::journal::{Journal, Mark, step_name};
use super::plan::{End, Plan, Step};
use super::progress::Progress;
use super::{Provider, State};
use crate::clock::Clock;
use waypost_compat::Secret;

pub(super) use fit::{Fit, fit};
pub use steps::secrets_of;

/// The two sides of a migration, ready to be called.
pub struct Sides {
    /// The source; `None` where it was read from a file.
    pub from: Option<Provider>,
    /// The target.
    pub to: TargetSide,
    /// The key that the source signs with, where it is a Mailgun account that is taken over.
    pub signing_key: Option<Secret>,
    /// The secrets of the source's webhooks, by id, as far as they are shown or were given.
    pub secrets: BTreeMap<String, Secret>,
}

/// A target.
pub enum TargetSide {
    /// Another provider.
    Provider(Provider),
    /// A gateway.
    Gateway(Gateway),
}

/// The steps of a plan that are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The steps that move webhooks.
    Move,
    /// The steps that switch the source off besides.
    MoveAndRetire,
}

/// Counts of what was done, and the secrets that came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Steps that were carried out.
    pub done: usize,
    /// Steps that somebody else had carried out.
    pub found: usize,
    /// Steps that were done in an earlier run.
    pub before: usize,
    /// Secrets that were made, for their receivers.
    pub secrets: Vec<NewSecret>,
}

impl Report {
    /// The secrets that no run has shown yet.
    pub fn unshown<'r>(&'r self, journal: &'r Journal) -> impl Iterator<Item = &'r NewSecret> {
        self.secrets.iter().filter(|secret| !journal.was_shown(&secret.webhook))
    }
}

/// A secret that a receiver needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NewSecret {
    /// The receiver.
    pub url: String,
    /// The webhook at the target.
    pub webhook: String,
    /// The secret.
    pub secret: String,
    /// True for one that was made anew, since the first was lost.
    pub renewed: bool,
}

/// A migration under way.
pub struct Run<'a> {
    /// The journal that it is written to.
    pub journal: &'a mut Journal,
    /// Both sides.
    pub sides: &'a Sides,
    /// The listener.
    pub progress: &'a mut dyn Progress,
    /// The time the provider may take until it acts on a change.
    pub settle: Duration,
    /// Randomness, for the ids of what is made.
    pub clock: &'a Clock,
}

impl Sides {
    /// The provider at an end of a plan.
    pub(super) fn provider(&self, at: End) -> Result<&Provider, Error> {
        match (at, &self.to) {
            (End::From, _) => self.from.as_ref().ok_or_else(|| {
                Error::misuse("the plan was made from a file: there is no source to call")
            }),
            (End::To, TargetSide::Provider(provider)) => Ok(provider),
            (End::To, TargetSide::Gateway(_)) => Err(wrong_target("a provider")),
        }
    }

    /// The key that the taken-over account signs with.
    pub(super) fn signing_key(&self) -> Result<&Secret, Error> {
        self.signing_key.as_ref().ok_or_else(|| {
            Error::misuse(
                "the account's HTTP webhook signing key is needed; give it with --signing-key or \
                 --signing-key-file",
            )
        })
    }

    /// The gateway, where the target is one.
    pub(super) fn gateway(&self) -> Result<&Gateway, Error> {
        match &self.to {
            TargetSide::Gateway(gateway) => Ok(gateway),
            TargetSide::Provider(_) => Err(wrong_target("a gateway")),
        }
    }

    /// The state of a side now; nothing of a gateway, whose part is not compared.
    pub(super) async fn read(
        &self,
        at: End,
        plan: &Plan,
        progress: &mut dyn Progress,
    ) -> Result<State, Error> {
        match (at, &self.to) {
            (End::From, _) => match &self.from {
                Some(from) => from.read(&domains(plan, at), progress).await,
                None => Ok(plan.before.from.clone()),
            },
            (End::To, TargetSide::Provider(to)) => to.read(&domains(plan, at), progress).await,
            (End::To, TargetSide::Gateway(_)) => Ok(State::default()),
        }
    }
}

fn wrong_target(expected: &str) -> Error {
    Error::misuse(format!("the plan's target is not {expected}: it was written by hand?"))
}

/// The Mailgun domains that a plan is about on one side.
fn domains(plan: &Plan, at: End) -> Vec<String> {
    let (side, before) = match at {
        End::From => (&plan.from, &plan.before.from),
        End::To => (&plan.to, &plan.before.to),
    };
    let mut domains: Vec<String> = side.domain.iter().cloned().collect();
    let named = before.lists.iter().map(|list| &list.domain);
    let added = plan.steps.iter().filter_map(|step| match step {
        Step::SetList { at: end, domain, .. } if *end == at => Some(domain),
        _ => None,
    });
    for domain in named.chain(added) {
        if !domains.contains(domain) {
            domains.push(domain.clone());
        }
    }
    domains
}

/// The steps of an extent, each with its name in the journal.
pub(super) fn steps(plan: &Plan, extent: Extent) -> Vec<(String, Step)> {
    let named = |retiring: bool, steps: &[Step]| -> Vec<(String, Step)> {
        let each = steps.iter().cloned().enumerate();
        each.map(|(index, step)| (step_name(retiring, index), step)).collect()
    };
    let mut all = named(false, &plan.steps);
    if extent == Extent::MoveAndRetire {
        all.extend(named(true, &plan.retire));
    }
    all
}

/// Carries out what is left of the plan in the journal. Doing it twice is doing it once.
pub async fn apply(run: &mut Run<'_>, extent: Extent) -> Result<Report, Error> {
    if run.journal.is_being_undone() {
        return Err(Error::refused(format!(
            "{} is being rolled back; end that with `waypost migrate rollback`, then plan again",
            run.journal.path().display()
        )));
    }
    let mut report = Report::default();
    let all = steps(run.journal.plan(), extent);
    let is_done = |name: &str, journal: &Journal| {
        matches!(journal.mark(name), Some(Mark::Done(_) | Mark::Found))
    };
    let (done, pending): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(name, _)| is_done(name, run.journal));
    report.before = done.len();
    if !pending.is_empty() {
        let fits = run.check_fit(extent).await?;
        let count = pending.len();
        for (number, (name, step)) in pending.into_iter().enumerate() {
            run.progress.say(format_args!("[{}/{count}] {}", number + 1, describe(&step)));
            if run.apply_step(&name, &step, &fits).await? == Applied::Found {
                report.found += 1;
            } else {
                report.done += 1;
            }
        }
    }
    report.secrets = secrets(run.journal);
    Ok(report)
}

/// The way in which a step came to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// By this run.
    Done,
    /// By somebody else, before.
    Found,
}

/// Both sides, compared with what the plan and the journal say.
struct Fits {
    from: Fit,
    to: Fit,
}

impl Fits {
    const fn of(&self, at: End) -> &Fit {
        match at {
            End::From => &self.from,
            End::To => &self.to,
        }
    }
}

impl Run<'_> {
    /// Refuses a plan that does not fit what is there any more.
    async fn check_fit(&mut self, extent: Extent) -> Result<Fits, Error> {
        let from = self.fit_of(End::From, extent).await?;
        let to = self.fit_of(End::To, extent).await?;
        if from.drift.is_empty() && to.drift.is_empty() {
            return Ok(Fits { from, to });
        }
        let mut told = match self.journal.is_untouched() {
            true => "the plan does not fit any more; plan again. Since it was made:".to_owned(),
            false => "somebody else has changed what this plan is about; put that back and run \
                      the same command again, or roll back and plan again. Expected and found:"
                .to_owned(),
        };
        for (side, fit) in [("source", &from), ("target", &to)] {
            for line in &fit.drift {
                told += &format!("\n  {side}: {line}");
            }
        }
        Err(Error::refused(told))
    }

    pub(super) async fn fit_of(&mut self, at: End, extent: Extent) -> Result<Fit, Error> {
        let found = self.sides.read(at, self.journal.plan(), self.progress).await?;
        fit(self.journal, at, extent, found)
    }
}

/// Describes a step for people.
#[must_use]
pub fn describe(step: &Step) -> String {
    let side = |at: &End| match at {
        End::From => "source",
        End::To => "target",
    };
    match step {
        Step::CreateRow { at, row } => {
            format!("{}: create {} for {}", side(at), row.url, row.events.join(","))
        }
        Step::ChangeRow { at, id, was, becomes } if was.enabled != becomes.enabled => {
            let verb = if becomes.enabled { "switch on" } else { "switch off" };
            format!("{}: {verb} {id} {}", side(at), was.url)
        }
        Step::ChangeRow { at, id, becomes, .. } => {
            format!("{}: change {id} to {} for {}", side(at), becomes.url, becomes.events.join(","))
        }
        Step::SetList { at, domain, event, becomes, .. } if becomes.is_empty() => {
            format!("{}: remove {domain} {event}", side(at))
        }
        Step::SetList { at, domain, event, becomes, .. } => {
            format!("{}: set {domain} {event} to {}", side(at), becomes.join(" "))
        }
        Step::Settle => "wait until the provider acts on the change".to_owned(),
        Step::AdoptSigningKey => "gateway: sign as the account does".to_owned(),
        Step::AddDomain { name, .. } => format!("gateway: add domain {name}"),
        Step::AddWebhook { webhook, .. } => {
            format!("gateway: add webhook {} for {}", webhook.url, webhook.events.join(","))
        }
        Step::AddSource { dialect, domain, .. } => {
            let feeds = domain.as_deref().unwrap_or("all domains");
            format!("gateway: add {dialect} source for {feeds}")
        }
        Step::Serve { source, becomes, .. } => format!("gateway: let {source} serve {becomes}"),
    }
}

/// The secrets that receivers need, as far as the journal holds them.
fn secrets(journal: &Journal) -> Vec<NewSecret> {
    let steps = journal.plan().steps.iter().enumerate();
    let found = steps.filter_map(|(index, step)| {
        let Step::CreateRow { row, .. } = step else { return None };
        let made = journal.made(&step_name(false, index))?;
        // One that was carried over is known to its receiver.
        let secret = made.secret.clone().filter(|_| row.secret_of.is_none())?;
        let webhook = made.id.clone().unwrap_or_default();
        Some(NewSecret { url: row.url.clone(), webhook, secret, renewed: made.renewed })
    });
    found.collect()
}
