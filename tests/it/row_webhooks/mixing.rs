//! Every combination of credentials, verbs, paths and bodies of all dialects: never a 5xx, and a
//! success exactly where the one credential that counts, the verb and the body are of one dialect.

use std::collections::BTreeSet;

use waypost_compat::Dialect;

use super::{Headers, Owner, World, body, written};
use crate::support::http::basic;

const BELOW: [&str; 6] = [
    "",
    "/{id}",
    "/{id}/test",
    "/{id}/rotate-secret",
    "/{id}/deliveries",
    "/deliveries/{id}/replay",
];

/// What each dialect has, whatever the body: method, path, whether a body is needed.
const ENDPOINTS: [(Dialect, &str, &str, bool); 28] = [
    (Dialect::Mailgun, "GET", "", false),
    (Dialect::Mailgun, "POST", "", true),
    (Dialect::Mailgun, "GET", "/{id}", false),
    (Dialect::Mailgun, "PUT", "/{id}", true),
    (Dialect::Mailgun, "DELETE", "/{id}", false),
    (Dialect::Posthawk, "GET", "", false),
    (Dialect::Posthawk, "POST", "", true),
    (Dialect::Posthawk, "PATCH", "/{id}", true),
    (Dialect::Posthawk, "DELETE", "/{id}", false),
    (Dialect::Posthawk, "POST", "/{id}/test", false),
    (Dialect::MailStack, "GET", "", false),
    (Dialect::MailStack, "POST", "", true),
    (Dialect::MailStack, "GET", "/{id}", false),
    (Dialect::MailStack, "PUT", "/{id}", true),
    (Dialect::MailStack, "DELETE", "/{id}", false),
    (Dialect::MailStack, "POST", "/{id}/rotate-secret", false),
    (Dialect::MailStack, "GET", "/{id}/deliveries", false),
    (Dialect::Wistfare, "GET", "", false),
    (Dialect::Wistfare, "POST", "", true),
    (Dialect::Wistfare, "GET", "/{id}", false),
    (Dialect::Wistfare, "PATCH", "/{id}", true),
    (Dialect::Wistfare, "DELETE", "/{id}", false),
    (Dialect::Wistfare, "POST", "/{id}/test", false),
    (Dialect::MailingApi, "GET", "", false),
    (Dialect::MailingApi, "POST", "", true),
    (Dialect::MailingApi, "GET", "/{id}", false),
    (Dialect::MailingApi, "PATCH", "/{id}", true),
    (Dialect::MailingApi, "DELETE", "/{id}", false),
];

/// What a request presents: whose keys stand where. `None` within is a key that is nobody's.
#[derive(Debug, Clone, Copy)]
struct Presented {
    /// `X-MailStack-Org`, and whether it is the key's own.
    org: Option<bool>,
    /// `X-API-Key`.
    api_key: Option<Option<Dialect>>,
    /// `Authorization`: the scheme, and whose key.
    authorization: Option<(Scheme, Option<Dialect>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_is_of_one_dialect_in_credential_verb_and_body() {
    let world = World::new().await;
    let mut owners = Vec::new();
    for dialect in Dialect::ALL {
        owners.push(world.owner(world.accounts[0], dialect, None).await);
    }
    let mut succeeded = BTreeSet::new();
    let mut requests = 0;
    // What removes comes last.
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for base in ["/v1/webhooks", "/api/v1/webhooks"] {
            for presented in presentations() {
                let opened = opened(base, presented);
                let shown = opened.unwrap_or(Dialect::Posthawk);
                let owner = owners.iter().find(|owner| owner.dialect == shown).unwrap();
                let id = written(shown, owner.webhook.id);
                for below in BELOW {
                    let path = format!("{base}{}", below.replace("{id}", &id));
                    for speaker in speakers(method) {
                        let headers = headers(presented, &owners, speaker);
                        let text = speaker.map_or("", |dialect| body(dialect).1);
                        // Mailgun takes no URL twice.
                        requests += 1;
                        let text = text.replace("/hook", &format!("/hook/{requests}"));
                        let (status, answer) = world.call(method, &path, &headers, &text).await;
                        let what = format!(
                            "{presented:?} {method} {path}, body of {speaker:?}: {status} {answer}"
                        );
                        assert!(status < 500, "{what}");
                        let expected =
                            opened.and_then(|dialect| endpoint(dialect, method, below, speaker));
                        let success = (200..300).contains(&status);
                        if method == "DELETE" {
                            assert!(expected.is_some() || !success, "{what}");
                        } else {
                            assert_eq!(success, expected.is_some(), "{what}");
                        }
                        succeeded.extend(expected.filter(|_| success));
                    }
                }
            }
        }
    }
    assert_eq!(succeeded.len(), ENDPOINTS.len(), "each endpoint was reached: {succeeded:?}");
}

fn presentations() -> Vec<Presented> {
    let keys: Vec<Option<Dialect>> = Dialect::ALL.into_iter().map(Some).chain([None]).collect();
    let with_none = |all: Vec<Option<Dialect>>| {
        let mut options: Vec<Option<Option<Dialect>>> = vec![None];
        options.extend(all.into_iter().map(Some));
        options
    };
    let mut all = Vec::new();
    for org in [None, Some(true), Some(false)] {
        for api_key in with_none(keys.clone()) {
            all.push(Presented { org, api_key, authorization: None });
            for scheme in [Scheme::Basic, Scheme::Bearer] {
                for key in &keys {
                    let authorization = Some((scheme, *key));
                    all.push(Presented { org, api_key, authorization });
                }
            }
        }
    }
    all
}

/// Whose API a request opens, by the rules of `spec/providers.md` §1.4 told once more: the first
/// sign chooses, and only what chose may authenticate.
fn opened(base: &str, presented: Presented) -> Option<Dialect> {
    let bearer = presented.authorization.filter(|(scheme, _)| *scheme == Scheme::Bearer);
    let basic = presented.authorization.filter(|(scheme, _)| *scheme == Scheme::Basic);
    let bearer = bearer.map(|(_, key)| key);
    let only = |key: Option<Dialect>, dialect| key.filter(|key| *key == dialect);
    if base.starts_with("/api") {
        return only(presented.api_key.or(bearer)?, Dialect::Wistfare);
    }
    if let Some(own) = presented.org {
        return only(bearer.flatten(), Dialect::MailStack).filter(|_| own);
    }
    if let Some(key) = presented.api_key {
        return only(key, Dialect::Posthawk);
    }
    if let Some((_, key)) = basic {
        return only(key, Dialect::Mailgun);
    }
    // A Bearer token is of the dialect of its key; Mailgun takes none, MailStack none without an
    // organisation.
    bearer.flatten().filter(|key| !matches!(key, Dialect::Mailgun | Dialect::MailStack))
}

/// The endpoint's number, if the dialect has it and the body is one that it takes.
fn endpoint(
    dialect: Dialect,
    method: &str,
    below: &str,
    speaker: Option<Dialect>,
) -> Option<usize> {
    let found =
        ENDPOINTS.iter().position(|one| (one.0, one.1, one.2) == (dialect, method, below))?;
    let own = speaker == Some(dialect);
    // Fields that a dialect does not know are passed over: what is left of MailStack's body for a
    // change of some fields is the URL.
    let url_alone = method == "PATCH" && speaker == Some(Dialect::MailStack);
    (!ENDPOINTS[found].3 || own || url_alone).then_some(found)
}

/// Bodies to send: none, and each dialect's where a method has one.
fn speakers(method: &str) -> Vec<Option<Dialect>> {
    let bodies = Dialect::ALL.into_iter().map(Some);
    match method {
        "GET" | "DELETE" => vec![None],
        _ => bodies.chain([None]).collect(),
    }
}

fn headers(presented: Presented, owners: &[Owner], speaker: Option<Dialect>) -> Headers {
    let owner = |dialect: Dialect| owners.iter().find(|owner| owner.dialect == dialect).unwrap();
    let key = |key: Option<Dialect>| {
        key.map_or_else(|| "wm_nobodys".to_owned(), |dialect| owner(dialect).key.clone())
    };
    let mut headers = Headers::new();
    if let Some(own) = presented.org {
        let org = if own { owner(Dialect::MailStack).org.clone() } else { None };
        headers.push(("x-mailstack-org", org.unwrap_or_else(|| "org_nobodys".to_owned())));
    }
    if let Some(whose) = presented.api_key {
        headers.push(("x-api-key", key(whose)));
    }
    match presented.authorization {
        Some((Scheme::Basic, whose)) => {
            headers.push(("authorization", basic("api", &key(whose))));
        }
        Some((Scheme::Bearer, whose)) => {
            headers.push(("authorization", format!("Bearer {}", key(whose))));
        }
        None => {}
    }
    if let Some(dialect) = speaker {
        headers.push(("content-type", body(dialect).0.to_owned()));
    }
    headers
}
