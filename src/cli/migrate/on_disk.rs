//! The files of a migration: its plan, and the journal beside it.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::clock::Clock;
use crate::migrate::plan::{Plan, VERSION};
use crate::migrate::{Error, Journal};

pub(super) fn read_plan(file: &Path) -> anyhow::Result<Plan> {
    let text = std::fs::read(file).map_err(|error| {
        Error::misuse(format!("cannot read the plan {}: {error}", file.display()))
            .and("`waypost migrate plan --out FILE` writes one")
    })?;
    let file = file.display();
    let plan: Plan = serde_json::from_slice(&text).map_err(|error| {
        Error::misuse(if text.starts_with(b"{\"waypost_journal\"") {
            format!("{file} is a journal; expected the plan that it belongs to")
        } else {
            format!("{file}: expected a plan as `waypost migrate plan --out` writes it: {error}")
        })
    })?;
    if plan.waypost_plan != VERSION {
        let found = plan.waypost_plan;
        return Err(Error::misuse(format!(
            "{file}: expected a plan of version {VERSION}, found {found}; plan again"
        ))
        .into());
    }
    Ok(plan)
}

/// The journal's place: as named, or the plan's with `.journal` behind it.
pub(super) fn journal_path(named: Option<&Path>, plan: &Path) -> PathBuf {
    named.map_or_else(
        || {
            let mut path = plan.as_os_str().to_owned();
            path.push(".journal");
            PathBuf::from(path)
        },
        Path::to_owned,
    )
}

/// Goes on with the journal that is there. One of which nothing is left, or in which nothing was
/// begun, makes way.
pub(super) fn open_or_create(path: &Path, plan: Plan, clock: &Clock) -> anyhow::Result<Journal> {
    if path.exists() && !Journal::lacks_plan(path) {
        let journal = Journal::open(path, clock)?;
        if !journal.is_undone() || (journal.is_untouched() && is_about(&journal, &plan)) {
            same_plan(&journal, &plan)?;
            return Ok(journal);
        }
        if !journal.is_untouched() {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".undone");
            let cannot = || format!("cannot move {}", path.display());
            std::fs::rename(path, &aside).with_context(cannot)?;
        }
    }
    if path.exists() {
        std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(Journal::create(path, plan, clock)?)
}

/// Refuses a journal that is not about this plan.
pub(super) fn same_plan(journal: &Journal, plan: &Plan) -> anyhow::Result<()> {
    if is_about(journal, plan) {
        return Ok(());
    }
    let path = journal.path().display();
    Err(Error::refused(format!(
        "{path} is the journal of another plan, {} steps of which are done; roll that back with \
         `waypost migrate rollback {path}` (and --retire, out of a gateway), or keep it and give \
         this plan another with --journal",
        journal.done()
    ))
    .into())
}

fn is_about(journal: &Journal, plan: &Plan) -> bool {
    let text = |plan: &Plan| serde_json::to_string(plan).unwrap_or_default();
    text(journal.plan()) == text(plan)
}
