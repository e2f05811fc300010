//! Putting a webhook back while its owner may have changed it since: a pure question of how it was,
//! what a step made of it, and how it is now.

use crate::migrate::plan::{RowFields, URLS_MAX};
use crate::migrate::state::same_set;
use crate::migrate::{Row, RowState};

/// A row as a step made it, its URL resolved.
pub(super) struct AppliedRow<'s> {
    pub(super) url: String,
    pub(super) becomes: &'s RowFields,
}

/// The way to put a row back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowRestore {
    /// Nothing: it is as it was.
    Same,
    Change {
        now: RowFields,
        wanted: RowFields,
    },
    /// Nothing can be done without undoing what somebody else did.
    Theirs(String),
}

/// The way to put a list back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ListRestore {
    /// Nothing: it is as it was.
    Same,
    Change(Vec<String>),
    /// Nothing can be done without undoing what somebody else did.
    Theirs(String),
}

/// Takes back of a row what a step changed, and nothing else: what its owner changed stays.
pub(super) fn row(now: Option<&Row>, was: &RowFields, made: &AppliedRow<'_>) -> RowRestore {
    let Some(now) = now else {
        return RowRestore::Theirs(format!(
            "{} was removed; there is nothing to put back",
            was.url
        ));
    };
    let enabled = now.state == RowState::Active;
    let mut wanted = RowFields {
        url: now.url.clone(),
        events: now.events.clone(),
        enabled,
        description: now.description.clone(),
    };
    let current = wanted.clone();
    if made.url != was.url && now.url != was.url {
        if now.url != made.url {
            return RowRestore::Theirs(format!(
                "it leads to {} by now; it was {} before the move",
                now.url, was.url
            ));
        }
        wanted.url.clone_from(&was.url);
    }
    let becomes = made.becomes;
    if !same_set(&becomes.events, &was.events) {
        let added = |name: &String| becomes.events.contains(name) && !was.events.contains(name);
        wanted.events.retain(|name| !added(name));
        if wanted.events.is_empty() {
            wanted.events.clone_from(&was.events);
        }
    }
    // Only what this migration switched off is switched on again.
    if becomes.enabled != was.enabled && enabled == becomes.enabled {
        wanted.enabled = was.enabled;
    }
    if wanted == current { RowRestore::Same } else { RowRestore::Change { now: current, wanted } }
}

/// Takes back of a list what a step changed: what it added goes, what it took away comes back in
/// its place, and what its owner has added since stays behind that.
pub(super) fn list(now: &[String], was: &[String], made: &[String]) -> ListRestore {
    if now == was {
        return ListRestore::Same;
    }
    if now == made {
        return ListRestore::Change(was.to_vec());
    }
    if now.is_empty() {
        return ListRestore::Theirs("it was removed; there is nothing to put back".to_owned());
    }
    let theirs = now.iter().filter(|url| !made.contains(url) && !was.contains(url));
    let kept = was.iter().filter(|url| now.contains(url) || !made.contains(url));
    let wanted: Vec<String> = kept.chain(theirs).cloned().collect();
    if wanted.len() > URLS_MAX {
        return ListRestore::Theirs(format!(
            "it is {} by now and was {} before the move, which is more than {URLS_MAX} URLs \
             together; set it by hand",
            now.join(" "),
            was.join(" ")
        ));
    }
    if wanted == now { ListRestore::Same } else { ListRestore::Change(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_list(now: &str, was: &str, made: &str, expected: &str) {
        let expected = match expected {
            "same" => ListRestore::Same,
            other => ListRestore::Change(urls(other)),
        };
        assert_eq!(list(&urls(now), &urls(was), &urls(made)), expected);
    }

    #[test]
    fn a_list_gets_back_what_was_taken_and_keeps_what_its_owner_added() {
        check_list("in", "a b", "in", "a b");
        check_list("a b", "a b", "in", "same");
        check_list("in c", "a b", "in", "a b c");
        check_list("a b c", "a", "a b", "a c");
        check_list("", "a", "", "a");
        assert!(matches!(list(&[], &urls("a"), &urls("in")), ListRestore::Theirs(_)));
        assert!(matches!(list(&urls("in d e"), &urls("a b"), &urls("in")), ListRestore::Theirs(_)));
    }

    fn fields(url: &str, events: &str, enabled: bool) -> RowFields {
        RowFields { url: url.to_owned(), events: urls(events), enabled, description: None }
    }

    fn now(url: &str, events: &str, state: RowState) -> Row {
        Row {
            id: "r".to_owned(),
            url: url.to_owned(),
            events: urls(events),
            state,
            description: None,
            has_history: false,
            secret: None,
        }
    }

    #[track_caller]
    fn check_row(now: &Row, was: &RowFields, becomes: &RowFields, expected: Option<&RowFields>) {
        let made = AppliedRow { url: becomes.url.clone(), becomes };
        match (row(Some(now), was, &made), expected) {
            (RowRestore::Change { wanted, .. }, Some(expected)) => assert_eq!(wanted, *expected),
            (RowRestore::Same, None) => {}
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_row_that_its_owner_paused_meanwhile_stays_paused() {
        let (was, led) = (fields("a", "open", true), fields("in", "open", true));
        let paused = now("in", "open", RowState::Paused);
        check_row(&paused, &was, &led, Some(&fields("a", "open", false)));
        let off = fields("a", "open", false);
        check_row(&now("a", "open", RowState::Paused), &was, &off, Some(&was));
        check_row(&now("a", "open", RowState::Active), &was, &off, None);
    }

    #[test]
    fn only_the_names_that_were_added_are_taken_away() {
        let (was, more) = (fields("a", "open", true), fields("a", "open click", true));
        let edited = now("a", "open click bounce", RowState::Active);
        check_row(&edited, &was, &more, Some(&fields("a", "open bounce", true)));
    }

    #[test]
    fn a_row_that_is_gone_or_leads_elsewhere_is_left_and_told() {
        let (was, led) = (fields("a", "open", true), fields("in", "open", true));
        let made = AppliedRow { url: led.url.clone(), becomes: &led };
        assert!(matches!(row(None, &was, &made), RowRestore::Theirs(_)));
        let moved = now("elsewhere", "open", RowState::Active);
        assert!(matches!(row(Some(&moved), &was, &made), RowRestore::Theirs(_)));
    }
}
