//! The changes of webhooks, as each changes the list of a scope: pure, so that it can be tried without
//! a server and repeated by the store.
//!
//! A domain's list holds one webhook for each event name and URL; the order of a name's URLs is
//! their order in the list (`spec/mailgun-api.md` §1.3).

use waypost_compat::{Dialect, Kind};

use super::answer::MailgunError;
use crate::http::App;
use crate::model::{Timestamp, Webhook, WebhookId, WebhookScope, WebhookState, WebhookUrl};
use crate::store::Decision;

/// A reason for which a list cannot be changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Clash {
    /// The event name has URLs already.
    #[error("webhook already exists")]
    Exists,
    /// Nothing is there that could be changed.
    #[error("webhook not found")]
    NotFound,
    /// The event name would have more URLs than it may.
    #[error("unable to add more than {limit} urls for event type {name}")]
    TooMany {
        /// The event name.
        name: String,
        /// The number it may have.
        limit: usize,
    },
    /// The event name has this URL already.
    #[error("url {url} already exists for event type {name}")]
    Duplicate {
        /// The event name.
        name: String,
        /// The URL.
        url: String,
    },
    /// No webhook has this id.
    #[error("webhook_id not found: {0}")]
    NoSuchId(String),
    /// No webhook is there at all.
    #[error("no webhooks found for account")]
    Empty,
}

/// A scope, a time, and an id for each webhook that a change may have to make: drawn before it
/// runs, so that it may run again.
#[derive(Debug)]
pub(in crate::http) struct NewWebhooks {
    scope: WebhookScope,
    now: Timestamp,
    ids: Vec<WebhookId>,
    /// The number of URLs an event name may have.
    pub(super) limit: usize,
}

impl NewWebhooks {
    /// The makings of up to `count` webhooks.
    pub(in crate::http) fn new(app: &App, scope: WebhookScope, count: usize) -> Self {
        let ids = (0..count).map(|_| WebhookId::random(app.clock.random())).collect();
        let limit = app.settings.urls_per_event_max;
        Self { scope, now: app.clock.now(), ids, limit }
    }

    /// The `nth` webhook.
    pub(in crate::http) fn webhook(
        &self,
        nth: usize,
        url: &WebhookUrl,
        names: &[&'static str],
    ) -> Webhook {
        let mut kinds: Vec<Kind> =
            names.iter().flat_map(|name| Dialect::Mailgun.covered(name)).copied().collect();
        kinds.sort_unstable();
        kinds.dedup();
        Webhook {
            id: self.ids[nth],
            scope: self.scope.clone(),
            url: url.clone(),
            events: names.iter().map(|name| (*name).to_owned()).collect(),
            kinds,
            state: WebhookState::Active,
            secret: None,
            previous_secret: None,
            scheme: None,
            description: None,
            created_at: self.now,
            updated_at: self.now,
        }
    }
}

/// Runs a plan on the webhooks of a scope, in one commit; a plan that clashes changes nothing.
pub(super) async fn change<T: Send>(
    app: &App,
    scope: &WebhookScope,
    plan: impl Fn(&mut Vec<Webhook>) -> Result<T, Clash> + Send + Sync,
) -> Result<T, Unchanged> {
    let mut outcome = None;
    let run = |list: &mut Vec<Webhook>| {
        let planned = plan(list);
        let decision = if planned.is_ok() { Decision::Keep } else { Decision::Discard };
        outcome = Some(planned);
        decision
    };
    app.directory.change_webhooks(scope, Box::new(run)).await?;
    outcome.expect("the store runs a change before it returns").map_err(Unchanged::Clash)
}

/// A reason for a change not being made.
#[derive(Debug)]
pub(super) enum Unchanged {
    /// The plan did not fit the list.
    Clash(Clash),
    /// The store failed.
    Store(crate::store::Error),
}

impl From<crate::store::Error> for Unchanged {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(error)
    }
}

impl Unchanged {
    /// Words it as the domain webhooks' API does (§2.2).
    pub(super) fn of_domain(self) -> MailgunError {
        let clash = match self {
            Self::Clash(clash) => clash,
            Self::Store(error) => return error.into(),
        };
        match clash {
            Clash::Exists => MailgunError::bad("Webhook already exists"),
            Clash::NotFound | Clash::NoSuchId(_) | Clash::Empty => {
                MailgunError::not_found("Webhook not found")
            }
            Clash::TooMany { .. } => MailgunError::bad(clash.to_string()),
            Clash::Duplicate { name, url } => MailgunError::bad(format!(
                "Webhook for event type '{name}' with URL '{url}' already exists"
            )),
        }
    }

    /// Words it as the account webhooks' API does (§1.6).
    pub(super) fn of_account(self) -> MailgunError {
        let clash = match self {
            Self::Clash(clash) => clash,
            Self::Store(error) => return error.into(),
        };
        match clash {
            Clash::Exists => Self::Clash(Clash::NotFound).of_account(),
            Clash::NotFound | Clash::NoSuchId(_) | Clash::Empty => {
                MailgunError::not_found(clash.to_string())
            }
            Clash::TooMany { .. } | Clash::Duplicate { .. } => {
                MailgunError::conflict(clash.to_string())
            }
        }
    }
}

/// The URLs of an event name, in order.
pub(super) fn urls(list: &[Webhook], name: &str) -> Vec<WebhookUrl> {
    list.iter().filter(|webhook| has(webhook, name)).map(|webhook| webhook.url.clone()).collect()
}

fn has(webhook: &Webhook, name: &str) -> bool {
    webhook.events.iter().any(|event| event == name)
}

/// v3 `POST`: gives URLs to a name that has none.
pub(super) fn create(
    list: &mut Vec<Webhook>,
    new: &NewWebhooks,
    name: &'static str,
    urls: &[WebhookUrl],
) -> Result<(), Clash> {
    if list.iter().any(|webhook| has(webhook, name)) {
        return Err(Clash::Exists);
    }
    list.extend(urls.iter().enumerate().map(|(nth, url)| new.webhook(nth, url, &[name])));
    Ok(())
}

/// v3 `PUT`: replaces the URLs of a name that has some. A URL that stays keeps its webhook, and so
/// what waits to be delivered to it.
pub(super) fn replace(
    list: &mut Vec<Webhook>,
    new: &NewWebhooks,
    name: &'static str,
    urls: &[WebhookUrl],
) -> Result<(), Clash> {
    let mut old = take(list, |webhook| has(webhook, name));
    if old.is_empty() {
        return Err(Clash::NotFound);
    }
    for (nth, url) in urls.iter().enumerate() {
        let kept = old.iter().position(|webhook| webhook.url == *url);
        list.push(match kept {
            Some(at) => Webhook { updated_at: new.now, ..old.swap_remove(at) },
            None => new.webhook(nth, url, &[name]),
        });
    }
    Ok(())
}

/// v3 `DELETE`: takes all URLs from a name, and says which they were.
pub(super) fn remove(list: &mut Vec<Webhook>, name: &str) -> Result<Vec<WebhookUrl>, Clash> {
    let removed = take(list, |webhook| has(webhook, name));
    if removed.is_empty() {
        return Err(Clash::NotFound);
    }
    Ok(removed.into_iter().map(|webhook| webhook.url).collect())
}

/// v4 `POST`: gives one URL to each of `names` beside those they have (§1.5).
pub(super) fn add_url(
    list: &mut Vec<Webhook>,
    new: &NewWebhooks,
    url: &WebhookUrl,
    names: &[&'static str],
) -> Result<(), Clash> {
    fits(list, url, names, new.limit)?;
    list.extend(names.iter().enumerate().map(|(nth, name)| new.webhook(nth, url, &[*name])));
    Ok(())
}

/// v4 `PUT`: leaves a URL that is there somewhere on exactly `names` (§1.5).
pub(super) fn move_url(
    list: &mut Vec<Webhook>,
    new: &NewWebhooks,
    url: &WebhookUrl,
    names: &[&'static str],
) -> Result<(), Clash> {
    if !list.iter().any(|webhook| webhook.url == *url) {
        return Err(Clash::NotFound);
    }
    list.retain(|webhook| webhook.url != *url || names.iter().any(|name| has(webhook, name)));
    for (nth, name) in names.iter().enumerate() {
        let present = urls(list, name);
        if present.contains(url) {
            continue;
        }
        if present.len() >= new.limit {
            return Err(Clash::TooMany { name: (*name).to_owned(), limit: new.limit });
        }
        list.push(new.webhook(nth, url, &[*name]));
    }
    Ok(())
}

/// v4 `DELETE`: takes URLs from every name. `text` is one URL or several with commas between; one
/// that has a comma of its own is tried as a whole first (§1.5).
pub(super) fn remove_urls(list: &mut Vec<Webhook>, text: &str) -> Result<(), Clash> {
    let whole = take(list, |webhook| webhook.url.as_str() == text);
    if !whole.is_empty() {
        return Ok(());
    }
    let each: Vec<&str> = text.split(',').map(str::trim).collect();
    let removed = take(list, |webhook| each.contains(&webhook.url.as_str()));
    if removed.is_empty() { Err(Clash::NotFound) } else { Ok(()) }
}

/// Removes what `which` picks, and returns it in order.
pub(super) fn take(list: &mut Vec<Webhook>, which: impl Fn(&Webhook) -> bool) -> Vec<Webhook> {
    let (taken, kept) = std::mem::take(list).into_iter().partition(which);
    *list = kept;
    taken
}

/// A new or changed webhook must leave every event name with few enough URLs and none of them twice
/// (§1.5, §1.6).
pub(in crate::http) fn fits(
    others: &[Webhook],
    url: &WebhookUrl,
    names: &[&str],
    limit: usize,
) -> Result<(), Clash> {
    for name in names {
        let present = urls(others, name);
        if present.contains(url) {
            return Err(Clash::Duplicate { name: (*name).to_owned(), url: url.to_string() });
        }
        if present.len() >= limit {
            return Err(Clash::TooMany { name: (*name).to_owned(), limit });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::mailgun::webhooks_v3::AllWebhooks;
    use crate::model::AccountId;

    fn new(count: u8) -> NewWebhooks {
        NewWebhooks {
            scope: WebhookScope {
                account: AccountId::from_bytes([1; 16]),
                domain: Some("example.com".parse().unwrap()),
                dialect: Dialect::Mailgun,
            },
            now: Timestamp::from_millis(1_770_146_798_372),
            ids: (0..count).map(|n| WebhookId::random([n; 16])).collect(),
            limit: 3,
        }
    }

    fn url(text: &str) -> WebhookUrl {
        text.parse().unwrap()
    }

    /// A list as `name url` pairs.
    fn list(pairs: &[(&'static str, &str)]) -> Vec<Webhook> {
        let new = new(32);
        let webhook = |(nth, (name, text)): (usize, &(&'static str, &str))| {
            new.webhook(nth, &url(text), &[*name])
        };
        pairs.iter().enumerate().map(webhook).collect()
    }

    fn shown(list: &[Webhook]) -> String {
        serde_json::to_string(&AllWebhooks::of(list)).unwrap()
    }

    const A: &str = "https://a.example/";
    const B: &str = "https://b.example/";
    const C: &str = "https://c.example/";
    const D: &str = "https://d.example/";

    #[test]
    fn creating_needs_a_name_without_urls() {
        let mut hooks = list(&[("opened", A)]);
        create(&mut hooks, &new(2), "clicked", &[url(B), url(A)]).unwrap();
        assert_eq!(
            shown(&hooks),
            r#"{"webhooks":{"opened":{"urls":["https://a.example/"]},"clicked":{"urls":["https://b.example/","https://a.example/"]}}}"#
        );
        assert_eq!(create(&mut hooks, &new(1), "clicked", &[url(C)]), Err(Clash::Exists));
    }

    #[test]
    fn replacing_takes_the_new_order_and_keeps_the_webhook_of_a_url_that_stays() {
        let mut hooks = list(&[("clicked", A), ("opened", A), ("clicked", B)]);
        let kept = hooks[2].id;
        replace(&mut hooks, &new(2), "clicked", &[url(B), url(C)]).unwrap();
        assert_eq!(urls(&hooks, "clicked"), [url(B), url(C)]);
        assert_eq!(urls(&hooks, "opened"), [url(A)]);
        assert!(hooks.iter().any(|webhook| webhook.id == kept && webhook.url == url(B)));
        assert_eq!(replace(&mut hooks, &new(1), "delivered", &[url(A)]), Err(Clash::NotFound));
    }

    #[test]
    fn removing_says_what_was_there_in_order() {
        let mut hooks = list(&[("clicked", B), ("opened", A), ("clicked", A)]);
        assert_eq!(remove(&mut hooks, "clicked"), Ok(vec![url(B), url(A)]));
        assert_eq!(remove(&mut hooks, "clicked"), Err(Clash::NotFound));
        assert_eq!(hooks.len(), 1);
    }

    #[test]
    fn adding_a_url_appends_and_refuses_repeats_and_a_fourth() {
        let mut hooks = list(&[("clicked", A)]);
        add_url(&mut hooks, &new(2), &url(B), &["clicked", "opened"]).unwrap();
        assert_eq!(urls(&hooks, "clicked"), [url(A), url(B)]);
        let repeat = add_url(&mut hooks, &new(2), &url(B), &["delivered", "opened"]);
        let name = "opened".to_owned();
        assert_eq!(repeat, Err(Clash::Duplicate { name, url: B.to_owned() }));
        add_url(&mut hooks, &new(1), &url(C), &["clicked"]).unwrap();
        let fourth = add_url(&mut hooks, &new(1), &url(D), &["clicked"]);
        assert_eq!(fourth, Err(Clash::TooMany { name: "clicked".to_owned(), limit: 3 }));
    }

    #[test]
    fn moving_a_url_leaves_it_on_exactly_the_names_given() {
        let mut hooks = list(&[("clicked", A), ("clicked", B), ("opened", A)]);
        move_url(&mut hooks, &new(2), &url(A), &["clicked", "delivered"]).unwrap();
        assert_eq!(urls(&hooks, "clicked"), [url(A), url(B)]);
        assert_eq!(urls(&hooks, "delivered"), [url(A)]);
        assert!(urls(&hooks, "opened").is_empty());
        assert_eq!(move_url(&mut hooks, &new(1), &url(C), &["opened"]), Err(Clash::NotFound));
    }

    #[test]
    fn a_url_with_a_comma_is_removed_as_a_whole_before_the_text_is_split() {
        let comma = "https://a.example/?x=1,2";
        let mut hooks = list(&[("clicked", comma), ("opened", comma), ("opened", B)]);
        remove_urls(&mut hooks, comma).unwrap();
        assert_eq!(shown(&hooks), r#"{"webhooks":{"opened":{"urls":["https://b.example/"]}}}"#);
        let mut hooks = list(&[("clicked", A), ("opened", B), ("opened", C)]);
        remove_urls(&mut hooks, &format!("{A},{C},{D}")).unwrap();
        assert_eq!(shown(&hooks), r#"{"webhooks":{"opened":{"urls":["https://b.example/"]}}}"#);
        assert_eq!(remove_urls(&mut hooks, D), Err(Clash::NotFound));
    }

    #[test]
    fn account_webhooks_share_the_limit_and_repeat_no_url() {
        let hooks = list(&[("clicked", A), ("clicked", B), ("clicked", C)]);
        let full = fits(&hooks, &url(D), &["opened", "clicked"], 3);
        assert_eq!(full, Err(Clash::TooMany { name: "clicked".to_owned(), limit: 3 }));
        let repeat = fits(&hooks, &url(A), &["clicked"], 3);
        let name = "clicked".to_owned();
        assert_eq!(repeat, Err(Clash::Duplicate { name, url: A.to_owned() }));
        assert_eq!(fits(&hooks, &url(A), &["opened"], 3), Ok(()));
    }
}
