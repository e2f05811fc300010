//! The way back: the journal, last step first.
//!
//! What was changed at a provider is changed back; what was made there is removed. What somebody
//! else has changed meanwhile stays theirs: only what a step did itself is taken back, and what
//! cannot be is told and does not stop the rest. A gateway keeps its sources and webhooks, since
//! the provider's retries still come to them and what waits must go out, until [`retire`] finds
//! that nothing does any more.

mod restore;
pub mod retire;

use super::State;
use super::apply::{Extent, Run, describe, steps};
use super::error::{Error, ErrorKind};
use super::journal::{Made, Mark};
use super::plan::{End, Step};

/// Counts of what was undone, and what could not be.
#[derive(Debug, Default)]
pub struct Undone {
    /// Steps undone in this run.
    pub steps: usize,
    /// Things that stay at the gateway.
    pub staying: usize,
    /// Things that could not be put back as they were, and why, a line each.
    pub left: Vec<String>,
}

/// The result of undoing a step.
enum Restored {
    /// All as it was.
    Whole,
    /// Somebody else has changed it since, so it stays as they left it.
    Theirs(String),
}

/// Restores both sides, from wherever the journal stands. Doing it twice is doing it once.
pub async fn rollback(run: &mut Run<'_>) -> Result<Undone, Error> {
    let mut all = steps(run.journal.plan(), Extent::MoveAndRetire);
    // What retired the source was done last, so it is undone first: no moment without either.
    all.reverse();
    let mut states = States {
        from: run.sides.read(End::From, run.journal.plan(), run.progress).await?,
        to: run.sides.read(End::To, run.journal.plan(), run.progress).await?,
    };
    let mut undone = Undone::default();
    for (name, step) in all {
        let made = match run.journal.mark(&name) {
            None | Some(Mark::Found | Mark::Refused | Mark::Undone) => continue,
            Some(Mark::Begun(made) | Mark::Half(made) | Mark::Done(made) | Mark::Undoing(made)) => {
                made.clone()
            }
        };
        if stays(&step) {
            undone.staying += 1;
            continue;
        }
        run.progress.say(format_args!("undo {}", describe(&step)));
        match run.undo(&name, &step, made, &mut states).await {
            Ok(Restored::Whole) => undone.steps += 1,
            Ok(Restored::Theirs(line)) => undone.left.push(line),
            Err(error) if does_not_stop(&step, &error) => {
                undone.left.push(format!("{}: {error}", describe(&step)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(undone)
}

/// Tells whether the rest can be undone all the same: one webhook that its provider refuses to
/// change must not keep the others, and a gateway that is gone delivers nothing, so it doubles
/// nothing.
fn does_not_stop(step: &Step, error: &Error) -> bool {
    let refused = matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound);
    refused || (matches!(step, Step::Serve { .. }) && error.kind == ErrorKind::Unreachable)
}

/// Tells whether a step made something at the gateway that outlives the rollback.
pub(super) const fn stays(step: &Step) -> bool {
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
    const fn of(&mut self, at: End) -> &mut State {
        match at {
            End::From => &mut self.from,
            End::To => &mut self.to,
        }
    }
}

impl Run<'_> {
    async fn undo(
        &mut self,
        name: &str,
        step: &Step,
        made: Made,
        states: &mut States,
    ) -> Result<Restored, Error> {
        let lost = matches!(self.journal.mark(name), Some(Mark::Begun(_)));
        let made = match step {
            // It may have been made, and nobody noted under which id.
            Step::CreateRow { at, .. } if lost => match self.unrecorded(name, *at).await? {
                Some(made) => made,
                None => {
                    self.journal.note(name, Mark::Undone)?;
                    return Ok(Restored::Whole);
                }
            },
            _ => made,
        };
        self.journal.note(name, Mark::Undoing(made.clone()))?;
        let restored = self.reverse(step, &made, states).await?;
        self.journal.note(name, Mark::Undone)?;
        Ok(restored)
    }

    /// Finds what an interrupted step has made, if it was carried out.
    async fn unrecorded(&mut self, name: &str, at: End) -> Result<Option<Made>, Error> {
        let fit = self.fit_of(at, Extent::MoveAndRetire).await?;
        let id = fit.applied(name).cloned().flatten();
        Ok(id.map(|id| Made { id: Some(id), ..Made::default() }))
    }

    async fn reverse(
        &mut self,
        step: &Step,
        made: &Made,
        states: &mut States,
    ) -> Result<Restored, Error> {
        let sides = self.sides;
        match step {
            Step::CreateRow { at, .. } => {
                let id = made.id.as_deref().unwrap_or_default();
                sides.provider(*at)?.remove_row(id, self.progress).await?;
            }
            Step::ChangeRow { at, id, was, becomes } => {
                let becomes =
                    restore::AppliedRow { url: self.journal.resolved(&becomes.url)?, becomes };
                let restored = restore::row(states.of(*at).row(id), was, &becomes);
                let (now, wanted) = match restored {
                    restore::RowRestore::Change { now, wanted } => (now, wanted),
                    restore::RowRestore::Same => return Ok(Restored::Whole),
                    restore::RowRestore::Theirs(why) => {
                        return Ok(Restored::Theirs(format!("{id}: {why}")));
                    }
                };
                sides.provider(*at)?.change_row(id, (&now, &wanted), self.progress).await?;
                states.of(*at).set_row(id, &wanted);
            }
            Step::SetList { at, domain, event, was, becomes } => {
                let ours = becomes.iter().map(|url| self.journal.resolved(url));
                let ours = ours.collect::<Result<Vec<_>, _>>()?;
                let now = states.of(*at).urls(domain, event).to_vec();
                let wanted = match restore::list(&now, was, &ours) {
                    restore::ListRestore::Change(wanted) => wanted,
                    restore::ListRestore::Same => return Ok(Restored::Whole),
                    restore::ListRestore::Theirs(why) => {
                        return Ok(Restored::Theirs(format!("{domain} {event}: {why}")));
                    }
                };
                let provider = sides.provider(*at)?;
                provider.set_list((domain, event), &now, &wanted, self.progress).await?;
                states.of(*at).set_urls(domain, event, wanted);
            }
            Step::Settle => self.settle_back().await,
            Step::Serve { source, was, .. } => {
                let (source, was) = (self.journal.resolved(source)?, self.journal.resolved(was)?);
                sides.gateway()?.serve(&source, &was, self.progress).await?;
            }
            Step::AdoptSigningKey
            | Step::AddWebhook { .. }
            | Step::AddSource { .. }
            | Step::AddDomain { .. } => {}
        }
        Ok(Restored::Whole)
    }

    /// Lists that share a URL with an entry are given back once the provider acts on the entry's
    /// change: until then the URL would be called for both.
    async fn settle_back(&mut self) {
        let switched = steps(self.journal.plan(), Extent::Move).iter().any(|(name, step)| {
            matches!(step, Step::ChangeRow { .. })
                && matches!(self.journal.mark(name), Some(Mark::Undone | Mark::Undoing(_)))
        });
        if switched && !self.settle.is_zero() {
            let seconds = self.settle.as_secs();
            self.progress.say(format_args!(
                "  waiting {seconds} s (--settle) until the provider acts on the change"
            ));
            tokio::time::sleep(self.settle).await;
        }
    }
}
