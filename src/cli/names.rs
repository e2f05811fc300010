//! `waypost names`: what each kind of event is called by each provider, offline.

use std::collections::BTreeMap;

use serde::Serialize;
use waypost_compat::matrix::{Cell, Mode, map};
use waypost_compat::{Dialect, Kind};

use super::console::Console;
use super::table;
use crate::api::{Items, KindNames};

pub(super) const EXAMPLES: &str = "\
A dash means that the provider has no such event. In brackets stands the name that also covers a
kind without one. Lenient is what `migrate` does only if told to: a rejection goes as a bounce.

Examples:
  waypost names
  waypost names --from mailgun --to posthawk
  waypost names --from posthawk --to mailingapi --lenient --json";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print what stands for this provider's names …
    #[arg(long, value_name = "DIALECT", requires = "to")]
    from: Option<Dialect>,
    /// … in this one
    #[arg(long, value_name = "DIALECT", requires = "from")]
    to: Option<Dialect>,
    /// Take the nearest name where none means the same
    #[arg(long, requires = "from")]
    lenient: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<()> {
    let mode = if args.lenient { Mode::Lenient } else { Mode::Strict };
    match (args.from, args.to) {
        (Some(from), Some(to)) => {
            if args.json {
                console.json(&mapping_json(from, to, mode))?;
            } else {
                console.line(mapping_table(from, to, mode))?;
            }
        }
        _ if args.json => console.json(&names_json())?,
        _ => console.line(names_table())?,
    }
    Ok(())
}

/// The table of names, one row for each kind.
fn names_table() -> String {
    let mut rows = vec![vec!["KIND".to_owned()]];
    rows[0].extend(Dialect::ALL.map(|dialect| dialect.as_str().to_uppercase()));
    for kind in Kind::ALL {
        let cell = |dialect: Dialect| match (dialect.name(kind), dialect.delivered_as(kind)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(folded)) => format!("({folded})"),
            (None, None) => "-".to_owned(),
        };
        let cells = Dialect::ALL.into_iter().map(cell);
        rows.push(std::iter::once(kind.to_string()).chain(cells).collect());
    }
    table::aligned(&rows)
}

/// The names of a kind as `GET /waypost/v1/vocabulary` answers them, and which names cover it where
/// it has none.
#[derive(Serialize)]
struct CoveredKind {
    #[serde(flatten)]
    names: KindNames,
    covered_by: BTreeMap<Dialect, &'static str>,
}

fn names_json() -> Items<CoveredKind> {
    let row = |kind: Kind| {
        let cover = |dialect: Dialect| match dialect.name(kind) {
            Some(_) => None,
            None => Some((dialect, dialect.delivered_as(kind)?)),
        };
        let covered_by = Dialect::ALL.into_iter().filter_map(cover).collect();
        CoveredKind { names: KindNames::of(kind), covered_by }
    };
    Kind::ALL.into_iter().map(row).collect()
}

/// Every name of `from` with what stands for it in `to`.
fn mapping(from: Dialect, to: Dialect, mode: Mode) -> Vec<(&'static str, Cell)> {
    let names = from.names().into_iter();
    names.filter_map(|name| Some((name, map(from, name, to, mode)?))).collect()
}

fn survivors(mapping: &[(&str, Cell)]) -> usize {
    mapping.iter().filter(|(_, cell)| !cell.names.is_empty()).count()
}

fn mapping_table(from: Dialect, to: Dialect, mode: Mode) -> String {
    let mapping = mapping(from, to, mode);
    let heads = [from.as_str().to_uppercase(), to.as_str().to_uppercase()];
    let mut rows = vec![[&heads[0], &heads[1], "CLASS", "REASON"].map(str::to_owned).to_vec()];
    for (name, cell) in &mapping {
        let names = if cell.names.is_empty() { "-".to_owned() } else { cell.names.join(", ") };
        let reason = cell.fit.reason().unwrap_or_else(|| "-".to_owned());
        rows.push(vec![(*name).to_owned(), names, cell.fit.class().to_owned(), reason]);
    }
    format!("{}\n\n{} of {} survive", table::aligned(&rows), survivors(&mapping), mapping.len())
}

/// The names of one dialect in another, as `--json` prints them.
#[derive(Serialize)]
struct Mapping {
    from: Dialect,
    to: Dialect,
    mode: &'static str,
    items: Vec<MappedName>,
    survive: usize,
    of: usize,
}

#[derive(Serialize)]
struct MappedName {
    name: &'static str,
    kinds: &'static [Kind],
    names: Vec<&'static str>,
    class: &'static str,
    reason: Option<String>,
}

fn mapping_json(from: Dialect, to: Dialect, mode: Mode) -> Mapping {
    let mapping = mapping(from, to, mode);
    let (survive, of) = (survivors(&mapping), mapping.len());
    let item = |(name, cell): (&'static str, Cell)| MappedName {
        name,
        kinds: from.covered(name),
        class: cell.fit.class(),
        reason: cell.fit.reason(),
        names: cell.names,
    };
    let items = mapping.into_iter().map(item).collect();
    let mode = match mode {
        Mode::Strict => "strict",
        Mode::Lenient => "lenient",
    };
    Mapping { from, to, mode, items, survive, of }
}
