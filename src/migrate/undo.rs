//! The way back: the journal, last step first.
//!
//! What was changed at a provider is changed back; what was made there is removed. A gateway keeps
//! its sources and webhooks, since the provider's retries still come to them and what waits must
//! go out, until [`clear`] finds that nothing does any more.

use std::time::Duration;

use super::carry::{Extent, Run, steps, told};
use super::journal::{Made, Mark};
use super::plan::{End, RowFields, Step};
use super::trouble::{Trouble, TroubleKind};
use super::{Row, RowState, State};
use crate::model::Timestamp;
use crate::retry::Policy;

/// What was undone.
#[derive(Debug, Default)]
pub struct Undone {
    /// Steps undone in this run.
    pub steps: usize,
    /// Things that stay at the gateway.
    pub staying: usize,
}

/// Restores both sides, from wherever the journal stands. Doing it twice is doing it once.
pub async fn rollback(run: &mut Run<'_>) -> Result<Undone, Trouble> {
    let mut all = steps(run.journal.plan(), Extent::MoveAndRetire);
    // What retired the source was done last, so it is undone first: no moment without either.
    all.reverse();
    let states = States {
        from: run.sides.read(End::From, run.journal.plan(), run.progress).await?,
        to: run.sides.read(End::To, run.journal.plan(), run.progress).await?,
    };
    run.refuse_conflicts(&all, &states)?;
    let mut undone = Undone::default();
    for (name, step) in all {
        let made = match run.journal.mark(&name) {
            None | Some(Mark::Found | Mark::Undone) => continue,
            Some(Mark::Begun(made) | Mark::Half(made) | Mark::Done(made) | Mark::Undoing(made)) => {
                made.clone()
            }
        };
        if stays(&step) {
            undone.staying += 1;
            continue;
        }
        run.progress.say(format_args!("undo {}", told(&step)));
        run.undo(&name, &step, &made).await?;
        undone.steps += 1;
    }
    Ok(undone)
}

/// Whether a step made something at the gateway that outlives the rollback.
const fn stays(step: &Step) -> bool {
    matches!(
        step,
        Step::AdoptSigningKey
            | Step::AddDomain { .. }
            | Step::AddWebhook { .. }
            | Step::AddSource { .. }
    )
}

/// Both sides as they are now.
struct States {
    from: State,
    to: State,
}

impl States {
    const fn of(&self, at: End) -> &State {
        match at {
            End::From => &self.from,
            End::To => &self.to,
        }
    }
}

impl Run<'_> {
    /// Refuses where somebody else has changed what a step changed: putting the old value back
    /// would undo theirs.
    fn refuse_conflicts(&self, all: &[(String, Step)], states: &States) -> Result<(), Trouble> {
        let mut conflicts = Vec::new();
        for (name, step) in all {
            let touched = matches!(
                self.journal.mark(name),
                Some(Mark::Begun(_) | Mark::Done(_) | Mark::Undoing(_))
            );
            if !touched {
                continue;
            }
            match step {
                Step::SetList { at, domain, event, was, becomes } => {
                    let now = states.of(*at).urls(domain, event);
                    let ours = becomes.iter().map(|url| self.journal.resolved(url));
                    let ours = ours.collect::<Result<Vec<_>, _>>().unwrap_or_default();
                    // A list that was retired stands on top of what the move made of it.
                    if now != was && now != ours && !now.is_empty() {
                        conflicts.push(format!(
                            "{domain} {event}: expected {}, found {}",
                            ours.join(" "),
                            now.join(" ")
                        ));
                    }
                }
                Step::ChangeRow { at, id, was, becomes } => {
                    let url = self.journal.resolved(&becomes.url).unwrap_or_default();
                    match states.of(*at).row(id) {
                        Some(now) if now.url == was.url || now.url == url => {}
                        Some(now) => conflicts.push(conflict(now, &url)),
                        None => conflicts.push(format!("{id} {} is gone", was.url)),
                    }
                }
                _ => {}
            }
        }
        if conflicts.is_empty() {
            return Ok(());
        }
        Err(Trouble::refused(format!(
            "somebody has changed what this migration changed; put it back by hand, then run the \
             rollback again:\n  {}",
            conflicts.join("\n  ")
        )))
    }

    async fn undo(&mut self, name: &str, step: &Step, made: &Made) -> Result<(), Trouble> {
        let lost = matches!(
            (step, self.journal.mark(name)),
            (Step::CreateRow { .. }, Some(Mark::Begun(_)))
        );
        let made = match (lost, step) {
            // It may have been made, and nobody noted under which id.
            (true, Step::CreateRow { at, .. }) => self.stray(name, *at).await?,
            _ => Some(made.clone()),
        };
        let Some(made) = made else { return self.journal.note(name, Mark::Undone) };
        self.journal.note(name, Mark::Undoing(made.clone()))?;
        self.reverse(step, &made).await?;
        self.journal.note(name, Mark::Undone)
    }

    /// What an interrupted step has made, if it was carried out.
    async fn stray(&mut self, name: &str, at: End) -> Result<Option<Made>, Trouble> {
        let fit = self.fit_of(at, Extent::MoveAndRetire).await?;
        let id = fit.standing(name).cloned().flatten();
        Ok(id.map(|id| Made { id: Some(id), ..Made::default() }))
    }

    async fn reverse(&mut self, step: &Step, made: &Made) -> Result<(), Trouble> {
        let sides = self.sides;
        match step {
            Step::CreateRow { at, .. } => {
                let id = made.id.as_deref().unwrap_or_default();
                sides.provider(*at)?.remove_row(id, self.progress).await
            }
            Step::ChangeRow { at, id, was, becomes } => {
                let becomes: &RowFields = becomes;
                sides.provider(*at)?.change_row(id, (becomes, was), self.progress).await
            }
            Step::SetList { at, domain, event, was, becomes } => {
                let provider = sides.provider(*at)?;
                provider.set_list((domain, event), becomes, was, self.progress).await
            }
            Step::Settle => {
                if self.entries_were_switched() && !self.settle.is_zero() {
                    let seconds = self.settle.as_secs();
                    self.progress.say(format_args!(
                        "  waiting {seconds} s (--settle) until the provider acts on the change"
                    ));
                    tokio::time::sleep(self.settle).await;
                }
                Ok(())
            }
            Step::Serve { source, was, .. } => {
                let (source, was) = (self.journal.resolved(source)?, self.journal.resolved(was)?);
                sides.gateway()?.serve(&source, &was, self.progress).await
            }
            Step::AdoptSigningKey => {
                let Some(before) = &made.before else { return Ok(()) };
                let before = waypost_compat::Secret::new(before.as_str());
                sides.gateway()?.set_signing_key(&before, self.progress).await
            }
            Step::AddWebhook { .. } => {
                let id = made.id.as_deref().unwrap_or_default();
                let at = ["waypost", "v1", "webhooks", id];
                sides.gateway()?.remove(&at, self.progress).await
            }
            Step::AddSource { .. } => {
                let Some(id) = made.id.as_deref() else { return Ok(()) };
                let at = ["waypost", "v1", "sources", id];
                sides.gateway()?.remove(&at, self.progress).await
            }
            Step::AddDomain { name, .. } => {
                let gateway = sides.gateway()?;
                let is_used = match gateway.is_used(name, self.progress).await {
                    // It was never made, or an interrupted run has removed it.
                    Err(trouble) if trouble.kind == TroubleKind::NotFound => return Ok(()),
                    other => other?,
                };
                if is_used {
                    self.progress
                        .say(format_args!("  {name} has webhooks or sources of its own: it stays"));
                    return Ok(());
                }
                gateway.remove(&["v3", "domains", name], self.progress).await
            }
        }
    }

    async fn lost_source(&mut self, step: &Step) -> Result<Made, Trouble> {
        let found = self.stray_source(step).await?;
        Ok(Made { id: found.map(|source| source.id), ..Made::default() })
    }

    /// Whether an entry that shares its URL with a list was led through the gateway.
    fn entries_were_switched(&self) -> bool {
        steps(self.journal.plan(), Extent::Move).iter().any(|(name, step)| {
            matches!(step, Step::ChangeRow { .. })
                && matches!(self.journal.mark(name), Some(Mark::Undone | Mark::Undoing(_)))
        })
    }
}

fn conflict(now: &Row, expected: &str) -> String {
    let state = if now.state == RowState::Active { "" } else { " (switched off)" };
    format!("{}: expected {expected}, found {}{state}", now.id, now.url)
}

/// Whether what stays at a gateway may go, or why not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing waits and nothing has come for long enough.
    Ready,
    /// Deliveries of these URLs wait.
    Waiting(Vec<String>),
    /// Something came so long ago that it will be time in so long.
    TooSoon(Duration),
}

/// How long a provider goes on trying: until then a retry may still come to an ingest URL.
#[must_use]
pub fn retry_span(dialect: waypost_compat::Dialect) -> Duration {
    let policy = Policy::of(dialect);
    let steps: Duration = policy.schedule.steps().iter().sum();
    // A tenth more than the ladder says, and the last attempt's own time.
    steps + steps / 10 + policy.timeout
}

/// Whether what the migration made at the gateway is of no use any more, at `now`.
pub async fn readiness(
    run: &mut Run<'_>,
    span: Duration,
    now: Timestamp,
) -> Result<Readiness, Trouble> {
    let gateway = run.sides.gateway()?;
    let (mut waiting, mut soonest) = (Vec::new(), Duration::ZERO);
    for (name, step) in steps(run.journal.plan(), Extent::Move) {
        let Some(id) = run.journal.made(&name).and_then(|made| made.id.clone()) else { continue };
        match step {
            Step::AddWebhook { webhook, .. } if gateway.waiting(&id, run.progress).await? > 0 => {
                waiting.push(webhook.url);
            }
            Step::AddSource { .. } => {
                let last = gateway.last_event(&id, run.progress).await?;
                let last = last.and_then(|text| text.parse::<jiff::Timestamp>().ok());
                let quiet = last.map(|at| now.since(Timestamp::from_millis(at.as_millisecond())));
                soonest =
                    soonest.max(quiet.map_or(Duration::ZERO, |quiet| span.saturating_sub(quiet)));
            }
            _ => {}
        }
    }
    Ok(match (waiting.is_empty(), soonest.is_zero()) {
        (false, _) => Readiness::Waiting(waiting),
        (true, false) => Readiness::TooSoon(soonest),
        (true, true) => Readiness::Ready,
    })
}

/// Removes what a rolled-back migration left at the gateway and restores its signing key.
pub async fn clear(run: &mut Run<'_>) -> Result<Undone, Trouble> {
    let mut undone = Undone::default();
    let mut all = steps(run.journal.plan(), Extent::Move);
    all.reverse();
    for (name, step) in all {
        let made = match run.journal.mark(&name) {
            Some(Mark::Begun(made) | Mark::Done(made) | Mark::Undoing(made)) => made.clone(),
            _ => continue,
        };
        if !stays(&step) {
            let text = "roll the move back first: its places still lead through the gateway";
            return Err(Trouble::new(TroubleKind::Refused, text));
        }
        run.progress.say(format_args!("remove {}", told(&step)));
        let made = match (&step, &made.id) {
            // Its making was interrupted, and nobody noted under which id.
            (Step::AddSource { .. }, None) => run.lost_source(&step).await?,
            _ => made,
        };
        run.journal.note(&name, Mark::Undoing(made.clone()))?;
        run.reverse(&step, &made).await?;
        run.journal.note(&name, Mark::Undone)?;
        undone.steps += 1;
    }
    Ok(undone)
}
