//! The fit of a plan: what was found on a side, beside what it must look like after the steps that
//! were done, and after those that may have been.

use super::{Extent, steps};
use crate::migrate::error::Error;
use crate::migrate::journal::{Journal, Mark};
use crate::migrate::plan::{End, NewRow, RowFields, Step};
use crate::migrate::state::same_set;
use crate::migrate::{Row, RowState, State};

/// A side as it was found, compared with the plan.
#[derive(Debug, Clone)]
pub(in crate::migrate) struct Fit {
    pub(in crate::migrate) found: State,
    /// Changes that only somebody else can have made, a line each.
    pub(in crate::migrate) drift: Vec<String>,
    /// The pending steps that are done all the same, with the id of what they made.
    pub(in crate::migrate) applied: Vec<(String, Option<String>)>,
}

impl Fit {
    /// The id of what a step that nobody noted as done has made; `Some(None)` where it makes
    /// nothing with an id.
    pub(in crate::migrate) fn applied(&self, step: &str) -> Option<&Option<String>> {
        self.applied.iter().find(|(name, _)| name == step).map(|(_, id)| id)
    }
}

/// Compares a side with what it must look like. A step that is not noted as done may have been:
/// where the side looks as it does afterwards, it counts as applied and not as drift.
pub(in crate::migrate) fn fit(
    journal: &Journal,
    at: End,
    extent: Extent,
    found: State,
) -> Result<Fit, Error> {
    let plan = journal.plan();
    let mut expected = match at {
        End::From => plan.before.from.clone(),
        End::To => plan.before.to.clone(),
    };
    let mut applied = Vec::new();
    for (name, step) in steps(plan, extent) {
        let mark = journal.mark(&name);
        match effect(journal, &step, at)? {
            None => {}
            Some(Effect::List { domain, event, becomes }) => {
                let there = found.urls(&domain, &event) == becomes;
                if settled(mark) || there {
                    expected.set_urls(&domain, &event, becomes);
                    note(&mut applied, mark, (name, None));
                }
            }
            Some(Effect::Row { id, becomes }) => {
                let there = found.row(&id).is_some_and(|row| is_as(row, &becomes));
                if settled(mark) || there {
                    expected.set_row(&id, &becomes);
                    note(&mut applied, mark, (name, None));
                }
            }
            Some(Effect::New(row)) => {
                let id = match mark {
                    Some(Mark::Done(made) | Mark::Half(made)) => made.id.clone(),
                    _ => unrecorded(&row, &found, &expected).map(|row| row.id.clone()),
                };
                let Some(id) = id else { continue };
                // A webhook is paused in a second call: between the two either is right.
                let now = found.row(&id).map(|row| row.state);
                let half = matches!(mark, Some(Mark::Half(_) | Mark::Begun(_)) | None);
                let planned = if row.enabled { RowState::Active } else { RowState::Paused };
                let state = now.filter(|_| half).unwrap_or(planned);
                expected.rows.push(as_row(&row, &id, state));
                note(&mut applied, mark, (name, Some(id)));
            }
        }
    }
    let drift = expected.differences(&found);
    Ok(Fit { found, drift, applied })
}

/// A step's effect on a side.
enum Effect {
    List { domain: String, event: String, becomes: Vec<String> },
    Row { id: String, becomes: RowFields },
    New(NewRow),
}

fn effect(journal: &Journal, step: &Step, side: End) -> Result<Option<Effect>, Error> {
    // A source that is yet to be made has no URL that could be there already.
    let resolved = |url: &String| journal.resolved(url).unwrap_or_else(|_| url.clone());
    Ok(match step {
        Step::CreateRow { at, row } if *at == side => Some(Effect::New(row.clone())),
        Step::ChangeRow { at, id, becomes, .. } if *at == side => {
            let becomes = RowFields { url: resolved(&becomes.url), ..becomes.clone() };
            Some(Effect::Row { id: id.clone(), becomes })
        }
        Step::SetList { at, domain, event, becomes, .. } if *at == side => Some(Effect::List {
            domain: domain.clone(),
            event: event.clone(),
            becomes: becomes.iter().map(resolved).collect(),
        }),
        _ => None,
    })
}

const fn settled(mark: Option<&Mark>) -> bool {
    matches!(mark, Some(Mark::Done(_) | Mark::Found))
}

fn note(
    applied: &mut Vec<(String, Option<String>)>,
    mark: Option<&Mark>,
    step: (String, Option<String>),
) {
    if !settled(mark) {
        applied.push(step);
    }
}

fn is_as(row: &Row, fields: &RowFields) -> bool {
    row.url == fields.url
        && same_set(&row.events, &fields.events)
        && (row.state == RowState::Active) == fields.enabled
}

/// A row that looks as one that is to be made and that nobody expects.
fn unrecorded<'f>(row: &NewRow, found: &'f State, expected: &State) -> Option<&'f Row> {
    found.rows.iter().find(|other| {
        other.url == row.url
            && same_set(&other.events, &row.events)
            && expected.row(&other.id).is_none()
    })
}

fn as_row(row: &NewRow, id: &str, state: RowState) -> Row {
    Row {
        id: id.to_owned(),
        url: row.url.clone(),
        events: row.events.clone(),
        state,
        description: row.description.clone(),
        has_history: false,
        secret: None,
    }
}
