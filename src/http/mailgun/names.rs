//! Webhook names: Mailgun's eight, and the older spellings that mean one of them
//! (`spec/mailgun-api.md` §1.4).

use waypost_compat::Kind;

/// The eight names, in the order in which Mailgun lists them.
pub(super) const NAMES: [&str; 8] = [
    "accepted",
    "delivered",
    "opened",
    "clicked",
    "unsubscribed",
    "complained",
    "temporary_fail",
    "permanent_fail",
];

/// The name of today for a name of today or of before 2018. `state_change` has none: nothing that
/// happens to a message is one.
pub(super) fn canonical(name: &str) -> Option<&'static str> {
    let modern = match name {
        "deliver" => "delivered",
        "open" => "opened",
        "click" => "clicked",
        "unsubscribe" => "unsubscribed",
        "spam" => "complained",
        "bounce" | "drop" => "permanent_fail",
        other => other,
    };
    NAMES.into_iter().find(|name| *name == modern)
}

/// What one of the eight names subscribes to.
pub(super) fn kinds(name: &str) -> Vec<Kind> {
    match name {
        "accepted" => vec![Kind::Accepted],
        "delivered" => vec![Kind::Delivered],
        "opened" => vec![Kind::Opened],
        "clicked" => vec![Kind::Clicked],
        "unsubscribed" => vec![Kind::Unsubscribed],
        "complained" => vec![Kind::Complained],
        "temporary_fail" => vec![Kind::Deferred],
        "permanent_fail" => vec![Kind::Bounced],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_lead_to_the_name_of_today() {
        let legacy = [
            ("bounce", "permanent_fail"),
            ("deliver", "delivered"),
            ("drop", "permanent_fail"),
            ("spam", "complained"),
            ("unsubscribe", "unsubscribed"),
            ("click", "clicked"),
            ("open", "opened"),
        ];
        for (old, new) in legacy {
            assert_eq!(canonical(old), Some(new));
        }
        for name in NAMES {
            assert_eq!(canonical(name), Some(name));
            assert!(!kinds(name).is_empty(), "{name} subscribes to something");
        }
        for unknown in ["state_change", "Delivered", "failed", ""] {
            assert_eq!(canonical(unknown), None, "{unknown}");
        }
    }
}
