//! `waypost names`: what each kind of event is called by each provider, offline.

use serde_json::{Value, json};
use waypost_compat::matrix::{Cell, Mode, map};
use waypost_compat::{Dialect, Kind};

use super::console::Console;
use super::table;

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

/// The same as `GET /waypost/v1/vocabulary` answers, and which names cover kinds without one.
fn names_json() -> Value {
    let row = |kind: Kind| {
        let mut row = json!({ "kind": kind });
        let mut covered_by = serde_json::Map::new();
        for dialect in Dialect::ALL {
            let (own, told) = (dialect.name(kind), dialect.delivered_as(kind));
            row[dialect.as_str()] = json!(own);
            if let (None, Some(folded)) = (own, told) {
                covered_by.insert(dialect.to_string(), json!(folded));
            }
        }
        row["covered_by"] = Value::Object(covered_by);
        row
    };
    let items: Vec<Value> = Kind::ALL.into_iter().map(row).collect();
    json!({ "items": items })
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

fn mapping_json(from: Dialect, to: Dialect, mode: Mode) -> Value {
    let mapping = mapping(from, to, mode);
    let item = |(name, cell): &(&str, Cell)| {
        json!({
            "name": name,
            "kinds": from.covered(name),
            "names": cell.names,
            "class": cell.fit.class(),
            "reason": cell.fit.reason(),
        })
    };
    json!({
        "from": from,
        "to": to,
        "mode": match mode { Mode::Strict => "strict", Mode::Lenient => "lenient" },
        "items": mapping.iter().map(item).collect::<Vec<_>>(),
        "survive": survivors(&mapping),
        "of": mapping.len(),
    })
}
