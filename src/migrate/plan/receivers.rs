//! Texts for the owners of receivers: what changes for their code, and what to check now.

use waypost_compat::{Dialect, signature::Scheme};

use crate::behaviour::{Behaviour, SignedBy};

use super::{Action, Class, Item, Receiver};

/// A text for each receiver that gets something new, whatever the number of its webhooks.
pub(super) fn of(from: Dialect, to: Dialect, items: &[Item]) -> Vec<Receiver> {
    let touched = |item: &&Item| matches!(item.action, Action::Create | Action::Change);
    let needs = |item: &&Item| from != to || has_new_secret(item);
    let items: Vec<&Item> = items.iter().filter(touched).filter(needs).collect();
    let mut receivers: Vec<Receiver> = Vec::new();
    for item in &items {
        if receivers.iter().all(|known| known.url != item.url) {
            let own: Vec<&Item> =
                items.iter().copied().filter(|other| other.url == item.url).collect();
            receivers.push(Receiver { url: item.url.clone(), text: text(from, to, &own) });
        }
    }
    receivers
}

fn has_new_secret(item: &Item) -> bool {
    item.notes.iter().any(|note| note.class == Class::SecretRegenerated)
}

/// The text for the owner of a receiver, a line for each thing to do.
fn text(from: Dialect, to: Dialect, items: &[&Item]) -> String {
    let when = match items.iter().all(|item| item.paused) {
        true => "once its webhook is switched on",
        false => "from now on",
    };
    let key = key(to, items);
    if from == to {
        return format!(
            "Gets {to} events from another account too, {when}, in the same form.\n\
             They are signed with {key}. Accept both keys until the old account is switched off."
        );
    }
    let mut names: Vec<String> = Vec::new();
    for line in items.iter().flat_map(|item| &item.events).filter(|line| !line.to.is_empty()) {
        let name = match line.to == [line.from.as_str()] {
            true => line.from.clone(),
            false => format!("{} instead of {}", line.to.join(" and "), line.from),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!(
        "Gets events in {to}'s form too, {when}, beside those in {from}'s until the old account \
         is switched off. Tell them apart by how they are signed.\n\
         Names: {}.\n\
         Signature: {}; the key is {key}. {}.",
        names.join(", "),
        check(to.scheme()),
        change(from.scheme(), to.scheme()),
    )
}

/// The key that its owner checks with.
fn key(to: Dialect, items: &[&Item]) -> String {
    let new = items.iter().filter(|item| has_new_secret(item)).count();
    match (Behaviour::of(to).signed_by, new) {
        (SignedBy::AccountKey, _) => "that account's HTTP webhook signing key".to_owned(),
        (SignedBy::OwnSecret, 0) if items.iter().any(|item| item.action == Action::Change) => {
            format!("the secret of the webhook that it has at {to} already")
        }
        (SignedBy::OwnSecret, 0) => "the secret that you have".to_owned(),
        (SignedBy::OwnSecret, 1) => "a new secret, which you get separately".to_owned(),
        (SignedBy::OwnSecret, _) => format!("one of {new} new secrets, which you get separately"),
    }
}

/// Describes how a receiver checks a signature, for people who write code (`spec/providers.md`
/// §3.3).
const fn check(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Mailgun => {
            "the hex HMAC-SHA256 of the body's `signature.timestamp` followed by \
             `signature.token` equals `signature.signature`"
        }
        Scheme::Posthawk => {
            "`X-Posthawk-Signature` is `sha256=` and the hex HMAC-SHA256 of the raw body"
        }
        Scheme::PosthawkTimestamped => {
            "`X-Posthawk-Signature` is `t=<unix>,v1=<hex>`, the hex HMAC-SHA256 of \
             `<unix>.<raw body>`"
        }
        Scheme::MailStack => {
            "`X-MailStack-Signature` is `t=<unix>,v1=<hex>`, the hex HMAC-SHA256 of \
             `<unix>.<raw body>`"
        }
        Scheme::MailStackRaw => "`X-MailStack-Signature` is the hex HMAC-SHA256 of the raw body",
        Scheme::Wistfare => "`Wistmail-Signature` is the hex HMAC-SHA256 of the raw body",
        Scheme::MailingApi => {
            "`X-MailingAPI-Signature` is `t=<unix>,v1=<hex>`, the hex HMAC-SHA256 of \
             `<unix>.<raw body>`"
        }
    }
}

/// The bytes that a scheme signs: within a family a receiver reads another header, across
/// families its code changes (`spec/providers.md` §5.3, rule 3).
#[derive(PartialEq, Eq)]
enum Family {
    Token,
    Body,
    Timestamped,
}

const fn family(scheme: Scheme) -> Family {
    match scheme {
        Scheme::Mailgun => Family::Token,
        Scheme::Posthawk | Scheme::Wistfare | Scheme::MailStackRaw => Family::Body,
        Scheme::PosthawkTimestamped | Scheme::MailStack | Scheme::MailingApi => Family::Timestamped,
    }
}

fn change(from: Scheme, to: Scheme) -> &'static str {
    if family(from) == family(to) {
        "The same bytes are signed as before, only the header has another name"
    } else {
        "Other bytes are signed than before, so the check needs other code"
    }
}
