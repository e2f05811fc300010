//! The steps at the source itself: what stays on there whatever is done, and what switches the rest
//! off.

use std::collections::BTreeSet;

use waypost_compat::Dialect;

use super::Move;
use crate::behaviour::Behaviour;
use crate::migrate::plan::names::is_current;
use crate::migrate::plan::{End, RowFields, Step};
use crate::migrate::{Entries, RowState, State};

/// Remarks on what stays on at the source whatever is retired, and on what could not be looked at.
pub(super) fn remarks(wanted: &Move, from: &State, to: &State) -> Vec<String> {
    let mut remarks: Vec<String> = unread(from).map(str::to_owned).into_iter().collect();
    let has_lists = Behaviour::of(wanted.from_dialect).has_lists();
    if has_lists {
        remarks.extend(old_names(from));
    }
    let entries = from.rows.iter().filter(|row| row.state == RowState::Active).count();
    if !has_lists || entries == 0 {
        return remarks;
    }
    let which = match entries {
        1 => "1 webhook of the account fires".to_owned(),
        several => format!("{several} webhooks of the account fire"),
    };
    if to.entries != Entries::Read {
        remarks.push(
            "the target account's own webhooks cannot be read with --to-key (/v1/webhooks): \
             whether these are there already is not known"
                .to_owned(),
        );
    }
    remarks.push(format!(
        "{which} for all its domains, and so for this one: carried along, and left on by --retire, \
         since Mailgun can switch off none for one domain only"
    ));
    remarks
}

/// Account webhooks that nobody could look at.
const fn unread(from: &State) -> Option<&'static str> {
    match from.entries {
        Entries::Read => None,
        Entries::Closed => Some(
            "the account's own webhooks, which fire for this domain too, are not in this plan: \
             --from-key does not open them (403 at /v1/webhooks); plan again with a key of the \
             account that does",
        ),
        Entries::NoSuchApi => Some(
            "webhooks of the whole account are not in this plan: the source has no such API (404 \
             at /v1/webhooks)",
        ),
    }
}

/// Lists under names from before 2018: whoever is called through them reads another form.
fn old_names(from: &State) -> Option<String> {
    let old = from.lists.iter().map(|list| &*list.event);
    let old: BTreeSet<&str> = old.filter(|name| !is_current(Dialect::Mailgun, name)).collect();
    let names: Vec<&str> = old.into_iter().collect();
    (!names.is_empty()).then(|| {
        format!(
            "Mailgun's lists for {} stay on, --retire or not, since they cannot be made again; \
             their receivers know the form of before 2018, not the one that comes instead",
            names.join(", ")
        )
    })
}

/// Switches the source off so that it can be switched on again as it was: rows keep their ids and
/// secrets, and a list of Mailgun's has neither.
pub(super) fn retire(wanted: &Move, from: &State, to: &State) -> Vec<Step> {
    let from_dialect = wanted.from_dialect;
    let is_copy = from_dialect == wanted.to_dialect;
    // A name from before 2018 cannot be written any more: what is deleted is gone for good.
    let again = from.lists.iter().filter(|list| is_current(Dialect::Mailgun, &list.event));
    let lists = again.map(|list| Step::SetList {
        at: End::From,
        domain: list.domain.clone(),
        event: list.event.clone(),
        was: list.urls.clone(),
        becomes: Vec::new(),
    });
    let rows = from
        .rows
        .iter()
        .filter(|row| !Behaviour::of(from_dialect).has_lists() && row.state == RowState::Active)
        // Two keys that open one row list it on both sides, and it stays in use.
        .filter(|row| !(is_copy && row.is_among(&to.rows)));
    let rows = rows.map(|row| {
        let was = RowFields::of(row);
        let becomes = RowFields { enabled: false, ..was.clone() };
        Step::ChangeRow { at: End::From, id: row.id.clone(), was, becomes }
    });
    lists.chain(rows).collect()
}
