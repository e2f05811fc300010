//! The answer to an import: every difference between a file and what was there.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use waypost_compat::Dialect;

use super::Word;
use crate::model::{DomainName, SourceId, WebhookId};

/// The report of an import that was carried out, or only tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// True where nothing was changed, and this is what would have been.
    pub dry_run: bool,
    /// The number of things added.
    pub added: usize,
    /// The number of things changed.
    pub changed: usize,
    /// The number of things removed.
    pub removed: usize,
    /// The changes, in the order of the file.
    pub changes: Vec<Change>,
    /// Webhooks whose secret was generated; it is shown in this answer and never again.
    pub new_secrets: Vec<NewSecret>,
    /// Sources that refuse every event until they have a secret.
    pub sources_without_secret: Vec<SecretlessSource>,
}

/// A thing that is added, changed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The change.
    pub action: Word<ChangeAction>,
    /// The noun.
    pub kind: Word<ChangeKind>,
    /// The thing's name or id.
    pub name: String,
    /// Words that tell it from others; absent where the name does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The fields that differ; absent unless it is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ChangedField>,
}

impl Change {
    /// A thing that is in the file only.
    #[must_use]
    pub fn added(kind: ChangeKind, name: String, about: String) -> Self {
        Self { about, ..Self::new(ChangeAction::Add, kind, name) }
    }

    /// A thing that is in both; it counts as a change if any fields differ.
    #[must_use]
    pub fn changed(kind: ChangeKind, name: String, fields: Vec<ChangedField>) -> Self {
        Self { fields, ..Self::new(ChangeAction::Change, kind, name) }
    }

    /// A thing that is in the account only.
    #[must_use]
    pub fn removed(kind: ChangeKind, name: String, about: String) -> Self {
        Self { about, ..Self::new(ChangeAction::Remove, kind, name) }
    }

    fn new(action: ChangeAction, kind: ChangeKind, name: String) -> Self {
        let (about, fields) = (String::new(), Vec::new());
        Self { action: action.into(), kind: kind.into(), name, about, fields }
    }

    /// The same change, of a thing that these words tell from others.
    #[must_use]
    pub fn about(self, about: String) -> Self {
        Self { about, ..self }
    }

    /// False for a thing that is in both and the same.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.action != ChangeAction::Change || !self.fields.is_empty()
    }
}

/// The ways in which a thing may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// In the file only.
    Add,
    /// In both, with other fields.
    Change,
    /// In the account only.
    Remove,
}

/// The nouns that an import changes, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The account itself.
    Account,
    /// A domain.
    Domain,
    /// A source.
    Source,
    /// A webhook.
    Webhook,
    /// The order of the webhooks of a domain and dialect.
    Order,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangedField {
    /// The field's name, as a path such as `settings.web_scheme`.
    pub field: String,
    /// Both values, as far as they may be shown.
    #[serde(flatten)]
    pub value: ChangedValue,
}

impl ChangedField {
    /// A field with the value that was there, and the one in the file.
    #[must_use]
    pub fn between<T: Serialize>(field: &str, from: &T, to: &T) -> Self {
        let value = |of: &T| serde_json::to_value(of).unwrap_or_default();
        let value = ChangedValue::Shown { from: value(from), to: value(to) };
        Self { field: field.to_owned(), value }
    }

    /// A field whose values are secrets: it is told that they differ, and no more.
    #[must_use]
    pub fn secret(field: &str) -> Self {
        Self { field: field.to_owned(), value: ChangedValue::Secret { secret: true } }
    }
}

/// The values of a field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChangedValue {
    /// Both values; null stands for none.
    Shown {
        /// The value that was there.
        from: Value,
        /// The value in the file.
        to: Value,
    },
    /// A secret, of which nothing more is told.
    Secret {
        /// Always true.
        secret: bool,
    },
}

/// A webhook whose secret was generated.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    /// The webhook's id.
    pub webhook: WebhookId,
    /// The dialect that its receiver is spoken to in.
    pub dialect: Word<Dialect>,
    /// The domain whose events it receives; null for all of the account's.
    pub domain: Option<DomainName>,
    /// The URL that deliveries go to.
    pub url: String,
    /// The secret; absent where it was only drawn for a try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSecret").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

/// A source that refuses every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretlessSource {
    /// The source's id.
    pub source: SourceId,
    /// The URL that its provider posts to.
    pub ingest_url: String,
}
