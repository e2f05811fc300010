//! The webhooks that one key opens: listed, made, changed, removed.

use waypost_compat::{Kind, Secret};

use super::fields::shorten;
use super::{Api, Draft, Patch, Problem};
use crate::behaviour::Behaviour;
use crate::http::App;
use crate::model::{
    InvalidUrl, Webhook, WebhookId, WebhookScope, WebhookState, WebhookStats, WebhookUrl,
};
use crate::store::Decision;

/// The most webhooks that one scope may hold.
pub(in crate::http) const WEBHOOKS_MAX: usize = 1000;

/// The longest description taken, in characters.
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// The time for which a rotated secret goes on signing beside its successor.
const ROTATION_OVERLAP: std::time::Duration = std::time::Duration::from_hours(24);

/// The webhooks of one scope, as one dialect's API speaks of them.
pub(in crate::http) struct Rows<'a> {
    pub(in crate::http) app: &'a App,
    pub(in crate::http) scope: WebhookScope,
    pub(in crate::http) api: &'a dyn Api,
}

impl Rows<'_> {
    /// All of them, in the order in which they were made.
    pub(super) async fn list(&self) -> Result<Vec<(Webhook, WebhookStats)>, Problem> {
        let webhooks = self.app.directory.webhooks(&self.scope).await?;
        let mut list = Vec::with_capacity(webhooks.len());
        for webhook in webhooks.iter() {
            list.push((webhook.clone(), self.stats(webhook).await?));
        }
        Ok(list)
    }

    /// The one with this id. An id that is nobody's, another tenant's, another dialect's or of
    /// another form altogether: none of them is told from the others.
    pub(super) async fn find(&self, written: &str) -> Result<Webhook, Problem> {
        let missing = || Problem::NoSuchWebhook { id: shorten(written) };
        let id = self.api.read_id(written).ok_or_else(missing)?;
        self.by_id(id).await?.ok_or_else(missing)
    }

    pub(super) async fn by_id(&self, id: WebhookId) -> Result<Option<Webhook>, Problem> {
        let webhooks = self.app.directory.webhooks(&self.scope).await?;
        Ok(webhooks.iter().find(|webhook| webhook.id == id).cloned())
    }

    pub(super) async fn stats(&self, webhook: &Webhook) -> Result<WebhookStats, Problem> {
        Ok(self.app.history.webhook_stats(self.scope.account, webhook.id).await?)
    }

    /// A new webhook as the draft has it, not yet in the list.
    pub(in crate::http) fn drafted(&self, draft: Draft) -> Result<Webhook, Problem> {
        let url = self.url(&draft.url)?;
        let (events, kinds) = self.subscription(draft.events)?;
        let clock = &self.app.clock;
        let now = clock.now();
        Ok(Webhook {
            id: WebhookId::random(clock.random()),
            scope: self.scope.clone(),
            url,
            events,
            kinds,
            state: if draft.enabled { WebhookState::Active } else { WebhookState::Paused },
            secret: Some(draft.secret.unwrap_or_else(|| self.new_secret())),
            previous_secret: None,
            scheme: None,
            description: draft.description.map(described).transpose()?,
            created_at: now,
            updated_at: now,
        })
    }

    pub(super) async fn create(&self, draft: Draft) -> Result<Webhook, Problem> {
        let webhook = self.drafted(draft)?;
        let mut full = false;
        let change = |list: &mut Vec<Webhook>| {
            full = list.len() >= WEBHOOKS_MAX;
            if full {
                return Decision::Discard;
            }
            list.push(webhook.clone());
            Decision::Keep
        };
        self.app.directory.change_webhooks(&self.scope, Box::new(change)).await?;
        if full { Err(Problem::TooMany { limit: WEBHOOKS_MAX }) } else { Ok(webhook) }
    }

    pub(super) async fn update(&self, found: &Webhook, patch: Patch) -> Result<Webhook, Problem> {
        let url = patch.url.as_deref().map(|url| self.url(url)).transpose()?;
        let subscribed = patch.events.map(|events| self.subscription(events)).transpose()?;
        let description =
            patch.description.map(|text| text.map(described).transpose()).transpose()?;
        let now = self.app.clock.now();
        let revives = self.api.revives();
        self.change(found, |webhook| {
            if webhook.state == WebhookState::Disabled && !revives {
                return Err(Problem::Disabled);
            }
            if let Some(url) = &url {
                webhook.url = url.clone();
            }
            if let Some((events, kinds)) = &subscribed {
                webhook.events = events.clone();
                webhook.kinds = kinds.clone();
            }
            if let Some(description) = &description {
                webhook.description = description.clone();
            }
            if let Some(enabled) = patch.enabled {
                webhook.state = switched(webhook.state, enabled);
            }
            webhook.updated_at = now;
            Ok(())
        })
        .await
    }

    pub(super) async fn rotate_secret(&self, found: &Webhook) -> Result<Webhook, Problem> {
        let now = self.app.clock.now();
        let secret = self.new_secret();
        self.change(found, |webhook| {
            let previous = webhook.secret.replace(secret.clone());
            webhook.previous_secret = previous.map(|old| (old, now.plus(ROTATION_OVERLAP)));
            webhook.updated_at = now;
            Ok(())
        })
        .await
    }

    pub(super) async fn remove(&self, written: &str) -> Result<(), Problem> {
        let missing = || Problem::NoSuchWebhook { id: shorten(written) };
        let id = self.api.read_id(written).ok_or_else(missing)?;
        let mut found = false;
        let change = |list: &mut Vec<Webhook>| {
            let before = list.len();
            list.retain(|webhook| webhook.id != id);
            found = list.len() < before;
            if found { Decision::Keep } else { Decision::Discard }
        };
        self.app.directory.change_webhooks(&self.scope, Box::new(change)).await?;
        if found { Ok(()) } else { Err(missing()) }
    }

    /// Changes one webhook in one commit, or none if `edit` refuses, or if it went meanwhile.
    async fn change(
        &self,
        found: &Webhook,
        mut edit: impl FnMut(&mut Webhook) -> Result<(), Problem> + Send,
    ) -> Result<Webhook, Problem> {
        let mut result = Err(Problem::NoSuchWebhook { id: self.api.write_id(found.id) });
        let change = |list: &mut Vec<Webhook>| {
            let Some(webhook) = list.iter_mut().find(|webhook| webhook.id == found.id) else {
                return Decision::Discard;
            };
            result = edit(webhook).map(|()| webhook.clone());
            if result.is_ok() { Decision::Keep } else { Decision::Discard }
        };
        self.app.directory.change_webhooks(&self.scope, Box::new(change)).await?;
        result
    }

    fn url(&self, written: &str) -> Result<WebhookUrl, Problem> {
        let refused = |expected| Problem::InvalidUrl { expected, found: shorten(written) };
        let https_only =
            Behaviour::of(self.api.dialect()).https_only && !self.app.settings.allow_http;
        let url: WebhookUrl = written.parse().map_err(|error| match error {
            InvalidUrl::TooLong => refused("at most 2048 bytes"),
            InvalidUrl::Malformed | InvalidUrl::Scheme if https_only => refused("an https URL"),
            InvalidUrl::Malformed | InvalidUrl::Scheme => refused("an http or https URL"),
        })?;
        if https_only && !url.is_https() {
            return Err(refused("an https URL"));
        }
        Ok(url)
    }

    /// Event names with repeats collapsed, in the order written, and what they mean.
    fn subscription(&self, written: Vec<String>) -> Result<(Vec<String>, Vec<Kind>), Problem> {
        let (dialect, field) = (self.scope.dialect, self.api.events_field());
        let vocabulary = dialect.names();
        let mut names: Vec<String> = Vec::new();
        for name in written {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            return Err(Problem::NoEvents { field });
        }
        let meant: Vec<&str> = if self.api.has_wildcard() && names == [Webhook::EVERY_EVENT] {
            vocabulary.to_vec()
        } else {
            names.iter().map(String::as_str).collect()
        };
        let mut kinds: Vec<Kind> = Vec::new();
        for name in meant {
            if !vocabulary.contains(&name) {
                let (name, expected) = (shorten(name), vocabulary.join(", "));
                return Err(Problem::UnknownEvent { field, name, expected });
            }
            kinds.extend(dialect.covered(name));
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok((names, kinds))
    }

    /// `whsec_` and 48 hex digits: Wistfare's own form, and valid base64 for Standard Webhooks
    /// libraries (`spec/providers.md` §3.3).
    fn new_secret(&self) -> Secret {
        Secret::new(format!("whsec_{}", self.app.clock.random_hex::<24>()))
    }
}

/// The state of a webhook after switching it on or off. Switching off one that is disabled for
/// good, as a client does that writes back what it has read, does not make it a paused one.
const fn switched(state: WebhookState, enabled: bool) -> WebhookState {
    match (enabled, state) {
        (true, _) => WebhookState::Active,
        (false, WebhookState::Disabled) => WebhookState::Disabled,
        (false, WebhookState::Active | WebhookState::Paused) => WebhookState::Paused,
    }
}

/// A description of a bounded length: webhooks are held in memory.
fn described(text: String) -> Result<String, Problem> {
    match text.chars().count() {
        0..=DESCRIPTION_CHARS_MAX => Ok(text),
        found => Err(Problem::InvalidField {
            field: "description",
            expected: "at most 1000 characters",
            found: found.to_string(),
        }),
    }
}
