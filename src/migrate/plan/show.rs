//! Plans for people, in the way of Terraform: `+` what is made, `~` what is changed, `-` what is
//! lost.

use std::fmt::Write;

use super::{Action, Class, Item, Line, Plan, Side};

/// The plan as text, without a newline at its end.
#[must_use]
pub fn text(plan: &Plan) -> String {
    let mut text = format!("{} → {}\n", side(&plan.from), side(&plan.to));
    if plan.webhooks.is_empty() {
        text += "\nThe source has no webhooks.\n";
    }
    for item in &plan.webhooks {
        text += &told(item);
    }
    for remark in &plan.remarks {
        let _ = write!(text, "\nNote: {remark}.\n");
    }
    text += &summary(plan);
    if !plan.receivers.is_empty() {
        text += "\nReceivers that need a new secret or other code:\n";
        for receiver in &plan.receivers {
            let _ = writeln!(text, "\n  {}", receiver.text);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn side(side: &Side) -> String {
    let who = side.dialect.map_or_else(|| "gateway".to_owned(), |dialect| dialect.to_string());
    let domain = side.domain.as_ref().map_or_else(String::new, |domain| format!(" {domain}"));
    format!("{who}{domain} at {}", side.url)
}

fn told(item: &Item) -> String {
    let (sign, what) = match item.action {
        Action::Create => ('+', "create"),
        Action::Change => ('~', "change"),
        Action::Keep => ('=', "is there already"),
        Action::Skip => ('-', "nothing can be carried"),
    };
    let mut text = format!("\n  {sign} {} ({}): {what}\n", item.url, item.source);
    let names = item.events.iter().map(|line| line.from.chars().count()).max().unwrap_or(0);
    for line in &item.events {
        text += &event(line, names);
    }
    for note in &item.notes {
        let sign = if note.class.is_loss() { '-' } else { '!' };
        let _ = writeln!(text, "      {sign} {}: {}", note.class.as_str(), note.reason);
    }
    text
}

fn event(line: &Line, width: usize) -> String {
    let sign = if line.to.is_empty() { '-' } else { '+' };
    let name = format!("{:width$}", line.from);
    let to = if line.to.is_empty() { "nothing".to_owned() } else { line.to.join(" and ") };
    let why = line.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let class = match line.class {
        Class::Exact => String::new(),
        class => format!("  {}{why}", class.as_str()),
    };
    format!("      {sign} {name} → {to}{class}\n")
}

fn summary(plan: &Plan) -> String {
    let summary = &plan.summary;
    let mut text = format!(
        "\nPlan: {} to create, {} to change, {} there already, {} skipped. {} of {} subscriptions \
         survive.\n",
        summary.create,
        summary.change,
        summary.keep,
        summary.skip,
        summary.survive,
        summary.subscriptions
    );
    let lost = summary.classes.iter().filter(|(class, _)| class.is_loss());
    let lost: Vec<String> =
        lost.map(|(class, count)| format!("{} {count}", class.as_str())).collect();
    let verdict = match lost.is_empty() {
        true => "Nothing is lost.\n".to_owned(),
        false => format!("Lost: {}.\n", lost.join(", ")),
    };
    text += &verdict;
    text
}
