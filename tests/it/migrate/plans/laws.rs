//! What holds for every plan, tried on all pairs and on many small accounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waypost::migrate::plan::{Class, End, NewRow, RowFields, show};
use waypost::migrate::{Plan, Row, RowState, State, Step};
use waypost_compat::Dialect;

use super::case::{Case, Target, side};
use super::{cases, fixtures, golden};

/// How many of the eight names survive (`spec/providers.md` §2.3), rows and columns in
/// `Dialect::ALL`'s order.
const SURVIVE: [[usize; 5]; 5] =
    [[8, 7, 7, 6, 7], [7, 8, 8, 7, 6], [7, 8, 8, 7, 6], [7, 7, 7, 8, 6], [7, 6, 6, 6, 8]];

const DOMAIN: &str = "mg.example.com";

/// A webhook for these names, in the way its provider keeps it.
fn account(dialect: Dialect, names: &[&str]) -> State {
    let mut state = State::default();
    for &name in names.iter().filter(|_| dialect == Dialect::Mailgun) {
        state.set_urls(DOMAIN, name, vec!["https://a.example/".to_owned()]);
    }
    if dialect != Dialect::Mailgun {
        state.rows.push(row("row-1", names));
    }
    state
}

fn row(id: &str, names: &[&str]) -> Row {
    Row {
        id: id.to_owned(),
        url: "https://a.example/".to_owned(),
        events: names.iter().map(|&name| name.to_owned()).collect(),
        state: RowState::Active,
        description: None,
        has_history: false,
        secret: None,
    }
}

fn between((from, source): (Dialect, State), (to, target): (Dialect, State)) -> Case {
    let end = |dialect: Dialect| {
        let domain = (dialect == Dialect::Mailgun).then_some(&DOMAIN);
        side(dialect.as_str(), &format!("https://{dialect}.example"), domain)
    };
    let mut case =
        Case { from: end(from), account: Default::default(), to: Target::provider(end(to)) };
    case.account.state = source;
    if let Target::Provider { state, .. } = &mut case.to {
        *state = target;
    }
    case
}

#[test]
fn as_many_names_survive_as_the_analysis_says_and_all_pairs_are_on_file() {
    let mut all = String::from("# Every name of every provider, planned to each of the others.\n");
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let names = from.names();
            let plan =
                between((from, account(from, &names)), (to, State::default())).plan().unwrap();
            let expected = SURVIVE[from as usize][to as usize];
            assert_eq!(plan.summary.survive, expected, "{from} to {to}");
            if from != to {
                let text = show::text(&plan);
                let _ = write!(all, "\n{}\n", text.split("\nReceivers").next().unwrap().trim_end());
            }
        }
    }
    let mut wrong = String::new();
    golden(&fixtures().join("pairs.txt"), &all, &mut wrong);
    assert!(wrong.is_empty(), "plans changed (UPDATE=1 accepts them):{wrong}");
}

#[test]
fn what_is_paused_is_never_made_active_at_any_provider() {
    for from in Dialect::ALL.into_iter().filter(|from| *from != Dialect::Mailgun) {
        for state in [RowState::Paused, RowState::Disabled] {
            for to in Dialect::ALL {
                let mut source = account(from, &from.names());
                source.rows[0].state = state;
                let plan = between((from, source), (to, State::default())).plan().unwrap();
                for step in &plan.steps {
                    let is_off = matches!(step, Step::CreateRow { row, .. } if !row.enabled);
                    assert!(is_off, "{from} to {to}: {step:?}");
                }
                assert_eq!(plan.steps.is_empty(), to == Dialect::Mailgun, "{from} to {to}");
                assert_eq!(plan.retire, [], "{from}: it is off already");
            }
        }
    }
}

#[test]
fn a_set_of_events_that_becomes_empty_is_never_created() {
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            for name in from.names() {
                let case = between((from, account(from, &[name])), (to, State::default()));
                let plan = case.plan().unwrap();
                let is_gone = plan.summary.survive == 0;
                assert_eq!(plan.steps.is_empty(), is_gone, "{from} {name} to {to}");
                assert_eq!(plan.summary.classes.contains_key(&Class::Impossible), is_gone);
                assert_eq!(plan.receivers.is_empty(), is_gone || plan.summary.keep > 0);
            }
        }
    }
}

/// The target as it is once a plan was carried out.
fn carried_out(plan: &Plan) -> State {
    let mut state = plan.before.to.clone();
    for (number, step) in plan.steps.iter().enumerate() {
        match step {
            Step::CreateRow { at: End::To, row } => state.rows.push(made(number, row)),
            Step::ChangeRow { at: End::To, id, was, becomes } => {
                let row = state.rows.iter_mut().find(|row| row.id == *id).unwrap();
                assert_eq!((&row.url, &row.events), (&was.url, &was.events), "it was so");
                change(row, becomes);
            }
            Step::SetList { at: End::To, domain, event, was, becomes } => {
                assert_eq!(state.urls(domain, event), was, "it was so");
                state.set_urls(domain, event, becomes.clone());
            }
            other => panic!("{other:?} is no step between providers"),
        }
    }
    state
}

fn made(number: usize, row: &NewRow) -> Row {
    let state = if row.enabled { RowState::Active } else { RowState::Paused };
    let (url, events) = (row.url.clone(), row.events.clone());
    let id = format!("made-{number}");
    Row { id, url, events, state, description: None, has_history: false, secret: None }
}

fn change(row: &mut Row, becomes: &RowFields) {
    row.url.clone_from(&becomes.url);
    row.events.clone_from(&becomes.events);
}

#[test]
fn a_plan_that_was_carried_out_leaves_the_next_one_nothing_to_do() {
    for (path, input) in cases("between") {
        let mut case = Case::parse(&input);
        let after = carried_out(&case.plan().unwrap());
        if let Target::Provider { state, .. } = &mut case.to {
            *state = after;
        }
        let again = case.plan().unwrap();
        assert_eq!(again.steps, [], "{}", path.display());
        assert_eq!(again.summary.create + again.summary.change, 0, "{}", path.display());
    }
}

/// How often one URL is called for each event name.
fn calls(rows: &[Row]) -> BTreeMap<&str, usize> {
    let mut calls = BTreeMap::new();
    for name in rows.iter().flat_map(|row| &row.events) {
        *calls.entry(&**name).or_default() += 1;
    }
    calls
}

/// Up to two webhooks of one receiver, of two event names, at each side: 169 pairs of accounts.
#[test]
fn a_receiver_is_called_as_often_as_one_of_the_sides_called_it() {
    let sets: [&[&str]; 3] = [&["delivery"], &["open"], &["delivery", "open"]];
    let mut accounts: Vec<Vec<Row>> = vec![Vec::new()];
    for a in sets {
        accounts.push(vec![row("1", a)]);
        accounts.extend(sets.iter().map(|b| vec![row("1", a), row("2", b)]));
    }
    let state = |rows: &Vec<Row>| State { rows: rows.clone(), ..State::default() };
    for source in &accounts {
        for target in &accounts {
            let ends = ((Dialect::Posthawk, state(source)), (Dialect::Posthawk, state(target)));
            let plan = between(ends.0, ends.1).plan().unwrap();
            let after = carried_out(&plan);
            let mut expected = calls(target);
            for (name, count) in calls(source) {
                let known = expected.entry(name).or_default();
                *known = (*known).max(count);
            }
            assert_eq!(calls(&after.rows), expected, "{source:?} to {target:?}: {:?}", plan.steps);
        }
    }
}
