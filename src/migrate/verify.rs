//! Proof: both sides beside what the plan says, and a test event through what it made.

use super::apply::{Extent, Sides, fit};
use super::error::Error;
use super::journal::{Journal, Mark, step_name};
use super::plan::{End, Step};
use super::progress::Progress;
use crate::model::WebhookState;

/// The findings of a comparison.
#[derive(Debug, Default)]
pub struct Findings {
    /// Things that are as planned, a line each.
    pub good: Vec<String>,
    /// Things that are not.
    pub bad: Vec<String>,
}

impl Findings {
    /// Adds more findings.
    pub fn extend(&mut self, more: Self) {
        self.good.extend(more.good);
        self.bad.extend(more.bad);
    }
}

/// Compares both sides with the plan, as far as the journal says that it was carried out.
pub async fn verify(
    journal: &Journal,
    sides: &Sides,
    progress: &mut dyn Progress,
) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let plan = journal.plan();
    let pending = (0..plan.steps.len()).filter(|index| {
        !matches!(journal.mark(&step_name(false, *index)), Some(Mark::Done(_) | Mark::Found))
    });
    for index in pending {
        let told = super::apply::describe(&plan.steps[index]);
        findings.bad.push(format!("not carried out: {told}; run `waypost migrate apply`"));
    }
    for (at, name) in [(End::From, "source"), (End::To, "target")] {
        if at == End::To && sides.gateway().is_ok() {
            continue;
        }
        let found = sides.read(at, plan, progress).await?;
        let webhooks = found.rows.len() + found.lists.len();
        let fit = fit(journal, at, Extent::MoveAndRetire, found)?;
        if fit.drift.is_empty() {
            findings.good.push(format!("{name}: all of its {webhooks} webhooks are as planned"));
        }
        findings.bad.extend(fit.drift.into_iter().map(|line| format!("{name}: {line}")));
    }
    Ok(findings)
}

/// Looks whether what the migration made at a gateway is still there.
pub async fn verify_gateway(
    journal: &Journal,
    sides: &Sides,
    progress: &mut dyn Progress,
) -> Result<Findings, Error> {
    let (mut findings, mut there) = (Findings::default(), 0);
    let gateway = sides.gateway()?;
    for (index, step) in journal.plan().steps.iter().enumerate() {
        let made = journal.made(&step_name(false, index)).and_then(|made| made.id.as_deref());
        let Some(id) = made else { continue };
        let is_on = match step {
            Step::AddSource { .. } => {
                gateway.source(id, progress).await?.map(|source| source.enabled)
            }
            Step::AddWebhook { .. } => {
                let webhook = gateway.webhook(id, progress).await?;
                webhook.map(|webhook| webhook.state == WebhookState::Active)
            }
            _ => continue,
        };
        let told = super::apply::describe(step);
        match is_on {
            None => findings.bad.push(format!("gateway: {told} ({id}): it is gone")),
            Some(true) => there += 1,
            Some(false) => findings.bad.push(format!("gateway: {told} ({id}): it is switched off")),
        }
    }
    findings.good.push(format!("gateway: {there} sources and webhooks are there and on"));
    Ok(findings)
}

/// Has the target send a test event to each webhook that the migration made there, where its API
/// can.
pub async fn send_tests(
    journal: &Journal,
    sides: &Sides,
    progress: &mut dyn Progress,
) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for (index, step) in journal.plan().steps.iter().enumerate() {
        let Step::CreateRow { at, row } = step else { continue };
        let made = journal.made(&step_name(false, index)).and_then(|made| made.id.as_deref());
        let Some(id) = made.filter(|_| row.enabled) else { continue };
        let provider = sides.provider(*at)?;
        match provider.test(id, progress).await? {
            None => findings.good.push(format!(
                "{}: not tested, since {}'s API has no call for it",
                row.url,
                provider.dialect()
            )),
            Some(status @ 200..=299) => {
                findings.good.push(format!("{}: took a test event ({status})", row.url));
            }
            Some(0) => findings.bad.push(format!("{}: no answer to a test event", row.url)),
            Some(status) => {
                findings.bad.push(format!("{}: answered a test event with {status}", row.url));
            }
        }
    }
    Ok(findings)
}
