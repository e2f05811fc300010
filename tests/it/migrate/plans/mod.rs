//! Plans as data: what both sides have goes in, a plan comes out, and a person can review it in
//! `fixtures/plans/`. `UPDATE=1` rewrites what stands below each case.

mod case;
mod laws;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use waypost::migrate::Plan;
use waypost::migrate::plan::show;

use case::{Case, HIDDEN};

/// Where the plan begins in a file, below what it is made from.
const PLAN: &str = "\n== plan\n";

/// Held by whoever reads or writes a file, since `UPDATE=1` rewrites what another test reads.
static FILES: Mutex<()> = Mutex::new(());

#[test]
fn plans_between_providers_are_as_on_file() {
    check("between");
}

#[test]
fn plans_into_a_gateway_are_as_on_file() {
    check("into");
}

#[test]
fn a_plan_is_the_same_every_time_survives_its_file_and_holds_no_secret() {
    for (path, input) in ["between", "into"].into_iter().flat_map(cases) {
        let case = Case::parse(&input);
        let Ok(plan) = case.plan() else { continue };
        let (name, written) = (path.display(), serde_json::to_string_pretty(&plan).unwrap());
        let again = serde_json::to_string_pretty(&case.plan().unwrap()).unwrap();
        assert_eq!(written, again, "{name}");
        let read: Plan = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string_pretty(&read).unwrap(), written, "{name}");
        assert_eq!(show::text(&read), show::text(&plan), "{name}");
        assert!(!written.contains(HIDDEN) && !show::text(&plan).contains(HIDDEN), "{name}");
    }
}

/// Plans every case of a folder and compares it with what stands below it.
#[track_caller]
fn check(folder: &str) {
    let mut wrong = String::new();
    for (path, input) in cases(folder) {
        golden(&path, &format!("{input}{PLAN}{}", told(&Case::parse(&input))), &mut wrong);
    }
    assert!(wrong.is_empty(), "plans changed (UPDATE=1 accepts them):{wrong}");
}

/// Compares with the file, or rewrites it when `UPDATE=1`.
fn golden(path: &Path, content: &str, wrong: &mut String) {
    let _one_at_a_time = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(path, content).unwrap();
    } else if fs::read_to_string(path).unwrap_or_default() != content {
        let _ = write!(wrong, "\n{}\n{content}", path.display());
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans")
}

/// The inputs of a folder's cases.
fn cases(folder: &str) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(fixtures().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 5, "no cases in {folder}");
    let _one_at_a_time = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let input = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let input = text.split(PLAN).next().unwrap().trim_end().to_owned() + "\n";
        (path, input)
    };
    paths.into_iter().map(input).collect()
}

/// A plan for review: the text, and the steps as `apply` reads them.
fn told(case: &Case) -> String {
    let plan = match case.plan() {
        Ok(plan) => plan,
        Err(error) => return format!("refused: {error}\n"),
    };
    let mut told = format!("{}\n", show::text(&plan));
    for (head, steps) in [("steps", &plan.steps), ("retire", &plan.retire)] {
        let _ = write!(told, "\n== {head}\n");
        for step in steps {
            let step: Value = serde_json::to_value(step).unwrap();
            let _ = writeln!(told, "{step}");
        }
    }
    told
}
