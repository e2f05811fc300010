//! The tables of names and the matrix, on file for people to review.

use std::fmt::Write as _;

use waypost_compat::matrix::{Cell, Fit, Mode, map};
use waypost_compat::{Dialect, Kind, Provider, mailgun};

use crate::golden;

fn cell(text: &str) -> String {
    if text.is_empty() { "—".to_owned() } else { text.to_owned() }
}

fn own_name(dialect: Dialect, kind: Kind) -> String {
    match (dialect.name(kind), dialect.delivered_as(kind)) {
        (Some(name), _) => format!("`{name}`"),
        (None, Some(folded)) => format!("(in `{folded}`)"),
        (None, None) => cell(""),
    }
}

#[test]
fn the_table_of_names_is_on_file() {
    let mut table = String::from(
        "# Names of events\n\nWritten by a test from the tables in the providers' files. In \
         brackets: the name that also covers a kind without one.\n\n| kind | Mailgun | its `event` | `severity` | \
         `log-level` | legacy | Posthawk | MailStack | Wistfare | MailingAPI |\n|---|---|---|---|---|\
         ---|---|---|---|---|\n",
    );
    for kind in Kind::ALL {
        let (event, severity, level) = mailgun::event(kind).unwrap_or_default();
        let legacy = mailgun::READABLE.into_iter().filter(|written| {
            let modern = mailgun::canonical(written);
            modern.is_some() && modern != Some(written) && modern == Dialect::Mailgun.name(kind)
        });
        let number = (0..=7).find(|number: &u8| {
            Provider::MailStack.kind_of(&number.to_string(), None) == Some(kind)
        });
        let number = number.map(|number| format!(" {number}")).unwrap_or_default();
        writeln!(
            table,
            "| {kind} | {} | {} | {} | {} | {} | {} | {}{number} | {} | {} |",
            own_name(Dialect::Mailgun, kind),
            cell(event),
            cell(severity.unwrap_or_default()),
            cell(level),
            cell(&legacy.collect::<Vec<_>>().join(", ")),
            own_name(Dialect::Posthawk, kind),
            own_name(Dialect::MailStack, kind),
            own_name(Dialect::Wistfare, kind),
            own_name(Dialect::MailingApi, kind),
        )
        .unwrap();
    }
    table.push_str("\nNames that can be subscribed to, in each provider's order:\n\n");
    for dialect in Dialect::ALL {
        writeln!(table, "- {dialect}: {}", dialect.names().join(", ")).unwrap();
    }
    let only_read = || Provider::ALL.into_iter().filter(|provider| provider.dialect().is_none());
    if only_read().next().is_some() {
        table.push_str("\nKinds of event from the providers that are only read:\n\n");
    }
    for provider in only_read() {
        let kinds: Vec<_> = provider.kinds().iter().map(|kind| kind.as_str()).collect();
        writeln!(table, "- {provider}: {}", kinds.join(", ")).unwrap();
    }
    golden::check(&golden::fixtures().join("tables/names.md"), &table);
}

#[test]
fn a_provider_has_each_kind_once_in_order_and_all_that_its_dialect_names() {
    for provider in Provider::ALL {
        assert!(provider.kinds().is_sorted_by(|one, next| one < next), "{provider}");
        let own = provider.dialect().map_or_else(Vec::new, |dialect| dialect.kinds().to_vec());
        assert!(own.iter().all(|kind| provider.kinds().contains(kind)), "{provider}");
    }
}

fn show(cell: &Cell) -> String {
    let names: Vec<_> = cell.names.iter().map(|name| format!("`{name}`")).collect();
    format!("{} {}", names.join(" + "), cell.fit).trim().to_owned()
}

fn survivors(from: Dialect, to: Dialect, mode: Mode) -> usize {
    let cells = from.names().map(|name| map(from, name, to, mode).unwrap());
    cells.iter().filter(|cell| !cell.names.is_empty()).count()
}

#[test]
fn the_matrix_of_subscriptions_is_on_file() {
    let mut table = String::from(
        "# What stands for a subscription in another dialect\n\nWritten by a test from \
         `compat/src/matrix.rs`. `=` the same; `≈` the same kind at another moment; `>` brings \
         more; `<` brings less; `<>` both; `✗` nothing. Where lenient mode differs, its answer \
         follows.\n",
    );
    for from in Dialect::ALL {
        let others: Vec<_> = Dialect::ALL.into_iter().filter(|to| *to != from).collect();
        let heads: Vec<_> = others.iter().map(|to| to.as_str()).collect();
        write!(
            table,
            "\n## From {from}\n\n| {from} | {} |\n|{}\n",
            heads.join(" | "),
            "---|".repeat(5)
        )
        .unwrap();
        for name in from.names() {
            write!(table, "| `{name}` |").unwrap();
            for &to in &others {
                let strict = show(&map(from, name, to, Mode::Strict).unwrap());
                let lenient = show(&map(from, name, to, Mode::Lenient).unwrap());
                write!(table, " {strict}").unwrap();
                if lenient != strict {
                    write!(table, "; lenient: {lenient}").unwrap();
                }
                table.push_str(" |");
            }
            table.push('\n');
        }
        table.push_str("| **survive of 8** |");
        for &to in &others {
            let (strict, lenient) =
                (survivors(from, to, Mode::Strict), survivors(from, to, Mode::Lenient));
            write!(table, " {strict}").unwrap();
            if lenient != strict {
                write!(table, " ({lenient} lenient)").unwrap();
            }
            table.push_str(" |");
        }
        table.push('\n');
    }
    golden::check(&golden::fixtures().join("tables/matrix.md"), &table);
}

/// The counts that were worked out by hand before there was code (`spec/providers.md` §2.3).
#[test]
fn as_many_names_survive_as_the_analysis_says() {
    use Dialect::{MailStack, Mailgun, MailingApi, Posthawk, Wistfare};
    for (from, to, strict, lenient) in [
        (Mailgun, Posthawk, 7, 7),
        (Mailgun, MailStack, 7, 7),
        (Mailgun, Wistfare, 6, 6),
        (Mailgun, MailingApi, 7, 7),
        (Posthawk, Mailgun, 7, 8),
        (Posthawk, MailStack, 8, 8),
        (Posthawk, Wistfare, 7, 7),
        (Posthawk, MailingApi, 6, 7),
        (MailStack, Mailgun, 7, 8),
        (MailStack, Posthawk, 8, 8),
        (MailStack, Wistfare, 7, 7),
        (MailStack, MailingApi, 6, 7),
        (Wistfare, Mailgun, 7, 7),
        (Wistfare, Posthawk, 7, 7),
        (Wistfare, MailStack, 7, 7),
        (Wistfare, MailingApi, 6, 7),
        (MailingApi, Mailgun, 7, 7),
        (MailingApi, Posthawk, 6, 6),
        (MailingApi, MailStack, 6, 6),
        (MailingApi, Wistfare, 6, 6),
    ] {
        let counted = (survivors(from, to, Mode::Strict), survivors(from, to, Mode::Lenient));
        assert_eq!(counted, (strict, lenient), "{from} to {to}");
    }
}

#[test]
fn every_dialect_has_eight_names_and_each_names_one_kind() {
    for dialect in Dialect::ALL {
        let mut seen = dialect.names().to_vec();
        for (name, kind) in dialect.names().into_iter().zip(dialect.kinds()) {
            assert_eq!(dialect.kind_of(name), Some(kind));
            assert_eq!(dialect.name(kind), Some(name));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 8, "{dialect}");
    }
}

#[test]
fn a_name_covers_what_is_delivered_under_it() {
    for dialect in Dialect::ALL {
        for name in dialect.names() {
            let delivered: Vec<_> = Kind::ALL
                .into_iter()
                .filter(|&kind| dialect.delivered_as(kind) == Some(name))
                .collect();
            assert_eq!(dialect.covered(name), delivered, "{dialect} {name}");
        }
        assert!(dialect.covered("state_change").is_empty());
    }
}

#[test]
fn mailgun_reads_sixteen_names_of_which_one_means_nothing() {
    let modern = mailgun::READABLE.map(mailgun::canonical);
    assert_eq!(modern.iter().filter(|name| name.is_none()).count(), 1);
    for name in Dialect::Mailgun.names() {
        assert_eq!(mailgun::canonical(name), Some(name));
        assert!(mailgun::READABLE.contains(&name));
    }
    assert_eq!(mailgun::canonical("drop"), Some("permanent_fail"));
    assert_eq!(mailgun::canonical("bounce"), Some("permanent_fail"));
    assert_eq!(mailgun::canonical("state_change"), None);
    assert_eq!(mailgun::canonical("failed"), None);
}

#[test]
fn a_name_goes_to_and_fro_unchanged_where_the_matrix_says_exact() {
    let mut exact = 0;
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            for name in from.names() {
                let there = map(from, name, to, Mode::Strict).unwrap();
                if there.fit == Fit::Exact {
                    let back = map(to, there.names[0], from, Mode::Strict).unwrap();
                    assert_eq!(
                        (back.names, back.fit),
                        (vec![name], Fit::Exact),
                        "{from} {to} {name}"
                    );
                    exact += 1;
                }
            }
        }
    }
    assert!(exact > 100, "only {exact} exact mappings of 200");
}
