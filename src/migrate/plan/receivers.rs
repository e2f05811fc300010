//! Texts for the owners of receivers: what changes for their code, and what to check now.

use waypost_compat::{Dialect, signature::Scheme};

use super::{Action, Class, Item, Receiver};

/// A text for each receiver that gets something new.
pub(super) fn of(from: Dialect, to: Dialect, items: &[Item]) -> Vec<Receiver> {
    let touched = |item: &&Item| matches!(item.action, Action::Create | Action::Change);
    let needs = |item: &&Item| {
        from != to || item.notes.iter().any(|note| note.class == Class::SecretRegenerated)
    };
    let mut receivers: Vec<Receiver> = Vec::new();
    for item in items.iter().filter(touched).filter(needs) {
        let text = text(from, to, item);
        match receivers.iter_mut().find(|known| known.url == item.url) {
            Some(known) if !known.text.contains(&text) => known.text += &format!("\n{text}"),
            Some(_) => {}
            None => receivers.push(Receiver { url: item.url.clone(), text }),
        }
    }
    receivers
}

fn text(from: Dialect, to: Dialect, item: &Item) -> String {
    let url = &item.url;
    let key = match to {
        Dialect::Mailgun => "the account's HTTP webhook signing key",
        _ if item.notes.iter().any(|note| note.class == Class::SecretRegenerated) => {
            "a new secret, which you get separately"
        }
        _ => "the secret that you have",
    };
    if from == to {
        return format!(
            "{url} gets {to} events from another account from now on, in the same form. They are \
             signed with {key}. Accept both keys until the old account is switched off."
        );
    }
    let names = item.events.iter().filter(|line| !line.to.is_empty());
    let names: Vec<String> =
        names.map(|line| format!("{} instead of {}", line.to.join(" and "), line.from)).collect();
    format!(
        "{url} gets events in {to}'s form from now on, beside those in {from}'s until the old \
         account is switched off. Tell them apart by how they are signed. Event names: {}. To \
         check a request: {}; the key is {key}. {}.",
        names.join(", "),
        check(to.scheme()),
        change(from.scheme(), to.scheme()),
    )
}

/// How a receiver checks a signature, for people who write code (`spec/providers.md` §3.3).
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
