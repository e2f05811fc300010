//! Plans for people, in the way of Terraform: `+` what is made, `~` what is changed, `-` what is
//! lost, and nothing before what stays.

use std::fmt::Write;

use super::{Action, Class, Item, Line, Plan, Side, Step};

/// The plan as text, without a newline at its end.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut text = format!("{} → {}\n", side(&plan.from), side(&plan.to));
    if plan.webhooks.is_empty() {
        text += "\nThe source has no webhooks.\n";
    }
    let actions = if plan.to.dialect.is_none() { &PLACES } else { &WEBHOOKS };
    for item in &plan.webhooks {
        text += &webhook(item, actions);
    }
    text += &gateway(&plan.steps);
    for remark in &plan.remarks {
        let _ = write!(text, "\nNote: {remark}.\n");
    }
    text += &summary(plan, actions);
    if !plan.receivers.is_empty() {
        text += "\nReceivers that need a new secret or other code; a text for the owner of each:\n";
        for receiver in &plan.receivers {
            let lines = receiver.text.replace('\n', "\n    ");
            let _ = write!(text, "\n  {}\n    {lines}\n", receiver.url);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// The words for an action on a webhook, and for the count of such actions.
struct Words {
    create: [&'static str; 2],
    keep: [&'static str; 2],
    skip: [&'static str; 2],
}

/// Webhooks of a provider.
const WEBHOOKS: Words = Words {
    create: ["create", "to create"],
    keep: ["is there already", "there already"],
    skip: ["nothing can be carried", "skipped"],
};

/// Places that are led through a gateway.
const PLACES: Words = Words {
    create: ["lead through the gateway", "to lead through the gateway"],
    keep: ["stays as it is", "to stay as they are"],
    skip: ["stays outside the gateway", "to stay outside"],
};

fn side(side: &Side) -> String {
    let who = side.dialect.map_or_else(|| "gateway".to_owned(), |dialect| dialect.to_string());
    let domain = side.domain.as_ref().map_or_else(String::new, |domain| format!(" {domain}"));
    format!("{who}{domain} at {}", side.url)
}

fn webhook(item: &Item, words: &Words) -> String {
    let (sign, what) = match item.action {
        Action::Create => ('+', words.create[0]),
        Action::Change => ('~', "change"),
        Action::Keep => (' ', words.keep[0]),
        Action::Skip => ('-', words.skip[0]),
    };
    let paused = if item.paused && item.action == Action::Create { ", paused" } else { "" };
    let mut text = format!("\n  {sign} {} ({}): {what}{paused}\n", item.url, item.source);
    text += &events(item);
    for note in &item.notes {
        let sign = if note.class.is_loss() { '-' } else { '!' };
        let _ = writeln!(text, "      {sign} {}: {}", note.class.as_str(), note.reason);
    }
    text
}

/// The event names, a line each; those that share one class and one reason share a line too.
fn events(item: &Item) -> String {
    let stays = |line: &Line| line.class == Class::Exact && line.to == [line.from.as_str()];
    if item.events.iter().all(stays) {
        let names: Vec<&str> = item.events.iter().map(|line| &*line.from).collect();
        return format!("      {} {}\n", sign(item, true), names.join(", "));
    }
    let mut groups: Vec<(Vec<&str>, &Line)> = Vec::new();
    for line in &item.events {
        let is_like = |other: &Line| {
            line.to.is_empty()
                && (&other.to, other.class, &other.reason) == (&line.to, line.class, &line.reason)
        };
        match groups.iter_mut().find(|(_, other)| is_like(other)) {
            Some((names, _)) => names.push(&line.from),
            None => groups.push((vec![&line.from], line)),
        }
    }
    let shown: Vec<(String, String, &Line)> =
        groups.into_iter().map(|(names, line)| (names.join(", "), target(line), line)).collect();
    let longest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    // A line of several names stands by itself.
    let in_column = |(name, _, _): &&(String, String, &Line)| !name.contains(", ");
    let names = longest(&mut shown.iter().filter(in_column).map(|(name, _, _)| name));
    let targets = longest(&mut shown.iter().filter(in_column).map(|(_, target, _)| target));
    let lines = shown.iter().map(|(name, target, line)| {
        let sign = sign(item, !line.to.is_empty());
        let why = line.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let class = match line.class {
            Class::Exact => String::new(),
            class => format!("  {}{why}", class.as_str()),
        };
        let text = format!("      {sign} {name:names$} → {target:targets$}{class}");
        format!("{}\n", text.trim_end())
    });
    lines.collect()
}

fn target(line: &Line) -> String {
    if line.to.is_empty() { "nothing".to_owned() } else { line.to.join(" and ") }
}

fn sign(item: &Item, survives: bool) -> char {
    match (survives, item.action) {
        (false, _) => '-',
        (true, Action::Keep) => ' ',
        (true, Action::Create | Action::Change | Action::Skip) => '+',
    }
}

/// Shows what is done at a gateway besides, and what takes its time.
fn gateway(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::AddDomain { name, .. } => {
                let _ = writeln!(text, "  + domain {name}");
            }
            Step::AdoptSigningKey => {
                text += "  ~ signing key: the account's in place of the gateway's own\n";
            }
            Step::Settle => {
                text += "    lists that share a URL with the account's webhooks come first, then \
                         a wait (--settle)\n";
            }
            Step::CreateRow { .. }
            | Step::ChangeRow { .. }
            | Step::SetList { .. }
            | Step::AddWebhook { .. }
            | Step::AddSource { .. }
            | Step::Serve { .. } => {}
        }
    }
    if text.is_empty() { text } else { format!("\nBesides:\n\n{text}") }
}

fn summary(plan: &Plan, words: &Words) -> String {
    let summary = &plan.summary;
    let counts = [
        (summary.create, words.create[1]),
        (summary.change, "to change"),
        (summary.keep, words.keep[1]),
        (summary.skip, words.skip[1]),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let mut text = format!(
        "\nPlan: {counts}. {} of {} subscriptions survive.\n",
        summary.survive, summary.subscriptions
    );
    let lost = summary.classes.iter().filter(|(class, _)| class.is_loss());
    let lost: Vec<String> =
        lost.map(|(class, count)| format!("{count} {}", class.as_str())).collect();
    text += &match lost.is_empty() {
        true => "Nothing is lost.\n".to_owned(),
        false => format!("Lost: {}.\n", lost.join(", ")),
    };
    text
}
