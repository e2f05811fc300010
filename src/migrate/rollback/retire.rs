//! The end of a take-over that was rolled back: what it left at the gateway goes, once nothing of
//! it is of use.

use std::time::Duration;

use waypost_compat::{Dialect, Secret};

use super::{Undone, stays};
use crate::migrate::apply::{Extent, Run, describe, steps};
use crate::migrate::error::{Error, ErrorKind};
use crate::migrate::journal::{Made, Mark, fingerprint};
use crate::migrate::plan::{End, Step};
use crate::model::Timestamp;
use crate::retry::Policy;

/// The answer to whether what stays at a gateway may go, or why not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing waits and nothing has come for long enough.
    Ready,
    /// Deliveries of these URLs wait.
    Waiting(Vec<String>),
    /// Something came so long ago that it will be time in so long.
    TooSoon(Duration),
}

/// The time for which a provider goes on trying: until then a retry may still come to an ingest
/// URL.
#[must_use]
pub fn retry_span(dialect: Dialect) -> Duration {
    let policy = Policy::of(dialect);
    let steps: Duration = policy.schedule.steps().iter().sum();
    // A tenth more than the ladder says, and the last attempt's own time.
    steps + steps / 10 + policy.timeout
}

/// Tells whether what the migration made at the gateway is of no use any more, at `now`. The
/// provider may have events in its queue from the moment the last place was given back, even if
/// none has come by the gateway since.
pub async fn readiness(
    run: &mut Run<'_>,
    span: Duration,
    now: Timestamp,
) -> Result<Readiness, Error> {
    let gateway = run.sides.gateway()?;
    let (mut waiting, mut last) = (Vec::new(), run.journal.last_undone());
    for (name, step) in steps(run.journal.plan(), Extent::Move) {
        let Some(id) = run.journal.made(&name).and_then(|made| made.id.clone()) else { continue };
        match step {
            Step::AddWebhook { webhook, .. } if gateway.waiting(&id, run.progress).await? > 0 => {
                waiting.push(webhook.url);
            }
            Step::AddSource { .. } => {
                let came = gateway.last_event(&id, run.progress).await?;
                last = last.max(came.map(|time| time.0));
            }
            _ => {}
        }
    }
    let left = last.map_or(Duration::ZERO, |last| span.saturating_sub(now.since(last)));
    Ok(match (waiting.is_empty(), left.is_zero()) {
        (false, _) => Readiness::Waiting(waiting),
        (true, false) => Readiness::TooSoon(left),
        (true, true) => Readiness::Ready,
    })
}

/// Removes what a rolled-back migration left at the gateway and restores its signing key. Refused
/// while anything at the source leads to what would go.
pub async fn clear(run: &mut Run<'_>) -> Result<Undone, Error> {
    refuse_in_use(run).await?;
    let mut undone = Undone::default();
    let mut all = steps(run.journal.plan(), Extent::Move);
    all.reverse();
    for (name, step) in all {
        let made = match run.journal.mark(&name) {
            Some(Mark::Begun(made) | Mark::Done(made) | Mark::Undoing(made)) => made.clone(),
            _ => continue,
        };
        if !stays(&step) {
            let text = "roll the move back first: not all of its places were given back";
            return Err(Error::new(ErrorKind::Refused, text));
        }
        let made = match (&step, &made.id) {
            // Its making was interrupted, and nobody noted under which id.
            (Step::AddSource { .. }, None) => {
                let found = run.unrecorded_source(&step).await?;
                Made { id: found.map(|source| source.id), ..Made::default() }
            }
            _ => made,
        };
        run.progress.say(format_args!("remove {}", describe(&step)));
        run.journal.note(&name, Mark::Undoing(made.clone()))?;
        remove(run, &step, &made).await?;
        run.journal.note(&name, Mark::Undone)?;
        undone.steps += 1;
    }
    Ok(undone)
}

/// A later move may have taken these sources into use again.
async fn refuse_in_use(run: &mut Run<'_>) -> Result<(), Error> {
    let made = steps(run.journal.plan(), Extent::Move).into_iter();
    let made = made.filter_map(|(name, _)| run.journal.made(&name)?.ingest_url.clone());
    let made: Vec<String> = made.collect();
    let state = run.sides.read(End::From, run.journal.plan(), run.progress).await?;
    let listed = state.lists.iter().flat_map(|list| &list.urls);
    let all = listed.chain(state.rows.iter().map(|row| &row.url));
    let used: Vec<&str> = all.filter(|url| made.contains(url)).map(String::as_str).collect();
    if used.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the source still leads to what would be removed: {}; a later move uses it, so roll that \
         one back first",
        used.join(", ")
    )))
}

async fn remove(run: &mut Run<'_>, step: &Step, made: &Made) -> Result<(), Error> {
    let gateway = run.sides.gateway()?;
    match (step, &made.id) {
        (Step::AddWebhook { .. }, Some(id)) => {
            gateway.remove(&["waypost", "v1", "webhooks", id], run.progress).await
        }
        (Step::AddSource { .. }, Some(id)) => {
            gateway.remove(&["waypost", "v1", "sources", id], run.progress).await
        }
        (Step::AddDomain { name, .. }, _) => {
            let is_used = match gateway.is_used(name, run.progress).await {
                // It was never made, or an interrupted run has removed it.
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
                other => other?,
            };
            if is_used {
                let text = "has webhooks or sources of its own: it stays";
                run.progress.say(format_args!("  {name} {text}"));
                return Ok(());
            }
            gateway.remove(&["v3", "domains", name], run.progress).await
        }
        (Step::AdoptSigningKey, adopted) => restore_key(run, made, adopted.as_deref()).await,
        _ => Ok(()),
    }
}

/// Gives the gateway its own signing key back, unless somebody relies on the one it has.
async fn restore_key(run: &mut Run<'_>, made: &Made, adopted: Option<&str>) -> Result<(), Error> {
    let Some(before) = &made.before else { return Ok(()) };
    let gateway = run.sides.gateway()?;
    let current = gateway.signing_key(run.progress).await?;
    let others = gateway.inventory(Dialect::Mailgun, run.progress).await?.webhooks;
    let replaced = adopted.is_some_and(|adopted| adopted != fingerprint(&current));
    if replaced || !others.is_empty() {
        run.progress.say(format_args!(
            "  the signing key stays: it was replaced since, or other Mailgun webhooks rely on it"
        ));
        return Ok(());
    }
    gateway.set_signing_key(&Secret::new(before.as_str()), run.progress).await
}
