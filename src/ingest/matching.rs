//! The recipients of an event: a pure question of its kind and of the webhooks there are.

use std::collections::HashSet;

use waypost_compat::Kind;

use crate::behaviour::{Behaviour, EndpointOf};
use crate::model::{Webhook, WebhookState};

/// The recipients among `webhooks` of an event of `kind`.
///
/// Only active ones: a paused webhook gets nothing new. Mailgun calls the same URL once for the
/// same event, through the account-level entry where there is one (`spec/mailgun-events.md` §4);
/// the other dialects know no such rule, and each of their webhooks has a secret of its own.
#[must_use]
pub fn recipients(webhooks: &[Webhook], kind: Kind) -> Vec<&Webhook> {
    let wanted = |webhook: &&Webhook| {
        webhook.state == WebhookState::Active
            && webhook.subscribes(kind)
            // What a dialect has no name for cannot be sent there, whatever the webhook's row says.
            && webhook.scope.dialect.delivered_as(kind).is_some()
    };
    let (account, domain): (Vec<_>, Vec<_>) =
        webhooks.iter().filter(wanted).partition(|webhook| webhook.scope.domain.is_none());
    let mut called = HashSet::new();
    account
        .into_iter()
        .chain(domain)
        .filter(|webhook| {
            let endpoint = Behaviour::of(webhook.scope.dialect).endpoint;
            endpoint == EndpointOf::Webhook || called.insert(webhook.url.as_str())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use waypost_compat::Dialect;

    use super::*;
    use crate::model::{AccountId, Timestamp, WebhookId, WebhookScope};

    struct Hook(Webhook);

    fn hook(dialect: Dialect, domain: Option<&str>, url: &str, kinds: &[Kind]) -> Hook {
        let account = AccountId::from_bytes([1; 16]);
        let domain = domain.map(|domain| domain.parse().unwrap());
        let id = url.bytes().fold([domain.is_some().into(); 16], |mut id: [u8; 16], byte| {
            id.rotate_left(1);
            id[0] ^= byte;
            id
        });
        Hook(Webhook {
            id: WebhookId::random(id),
            scope: WebhookScope { account, domain, dialect },
            url: url.parse().unwrap(),
            events: Vec::new(),
            kinds: kinds.to_vec(),
            state: WebhookState::Active,
            secret: None,
            previous_secret: None,
            scheme: None,
            description: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        })
    }

    impl Hook {
        fn state(mut self, state: WebhookState) -> Self {
            self.0.state = state;
            self
        }
    }

    /// `level url` of each recipient, in order.
    #[track_caller]
    fn check(hooks: Vec<Hook>, kind: Kind, expected: &[&str]) {
        let hooks: Vec<Webhook> = hooks.into_iter().map(|hook| hook.0).collect();
        let got: Vec<String> = recipients(&hooks, kind)
            .into_iter()
            .map(|hook| {
                let level = hook.scope.domain.as_ref().map_or("account", |_| "domain");
                format!("{level} {}", hook.url)
            })
            .collect();
        assert_eq!(got, expected);
    }

    const A: &str = "https://a.example/";
    const B: &str = "https://b.example/";
    const D: Option<&str> = Some("example.com");

    #[test]
    fn only_those_that_subscribe_to_the_kind_get_it() {
        let hooks = vec![
            hook(Dialect::Mailgun, D, A, &[Kind::Delivered]),
            hook(Dialect::Mailgun, D, B, &[Kind::Opened]),
        ];
        check(hooks, Kind::Delivered, &["domain https://a.example/"]);
    }

    #[test]
    fn the_same_url_at_both_levels_is_called_once_through_the_account() {
        let hooks = vec![
            hook(Dialect::Mailgun, D, A, &[Kind::Delivered]),
            hook(Dialect::Mailgun, D, B, &[Kind::Delivered]),
            hook(Dialect::Mailgun, None, A, &[Kind::Delivered]),
        ];
        let once = ["account https://a.example/", "domain https://b.example/"];
        check(hooks, Kind::Delivered, &once);
    }

    #[test]
    fn the_same_url_for_another_event_at_account_level_takes_nothing_away() {
        let hooks = vec![
            hook(Dialect::Mailgun, D, A, &[Kind::Delivered]),
            hook(Dialect::Mailgun, None, A, &[Kind::Opened]),
        ];
        check(hooks, Kind::Delivered, &["domain https://a.example/"]);
    }

    #[test]
    fn another_spelling_of_a_url_is_another_url() {
        let hooks = vec![
            hook(Dialect::Mailgun, D, "https://a.example", &[Kind::Delivered]),
            hook(Dialect::Mailgun, None, A, &[Kind::Delivered]),
        ];
        let both = ["account https://a.example/", "domain https://a.example"];
        check(hooks, Kind::Delivered, &both);
    }

    #[test]
    fn other_dialects_call_every_webhook_even_on_one_url() {
        let hooks = vec![
            hook(Dialect::Posthawk, D, A, &[Kind::Delivered]),
            hook(Dialect::Posthawk, None, A, &[Kind::Delivered]),
            hook(Dialect::Mailgun, D, A, &[Kind::Delivered]),
        ];
        let all = [
            "account https://a.example/",
            "domain https://a.example/",
            "domain https://a.example/",
        ];
        check(hooks, Kind::Delivered, &all);
    }

    #[test]
    fn paused_and_disabled_ones_get_nothing_and_shadow_nothing() {
        let hooks = vec![
            hook(Dialect::Mailgun, None, A, &[Kind::Delivered]).state(WebhookState::Disabled),
            hook(Dialect::Posthawk, D, B, &[Kind::Delivered]).state(WebhookState::Paused),
            hook(Dialect::Mailgun, D, A, &[Kind::Delivered]),
        ];
        check(hooks, Kind::Delivered, &["domain https://a.example/"]);
    }

    #[test]
    fn a_kind_without_a_name_in_the_dialect_is_not_delivered_there() {
        let hooks = vec![
            hook(Dialect::Mailgun, D, A, &[Kind::Received]),
            hook(Dialect::Wistfare, D, B, &[Kind::Received]),
        ];
        check(hooks, Kind::Received, &["domain https://b.example/"]);
    }
}
