//! The plan of an import: what shall be there and how it differs from what is, as data. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use waypost_compat::Provider;

use super::entries::{DomainEntry, File, SourceEntry};
use super::file::mailgun_settings;
use super::webhooks;
use crate::api::{Change, ChangeKind, ChangedField};
use crate::http::native::sources::unfit;
use crate::http::native_error::{NativeError, quoted};
use crate::model::{
    AccountId, Domain, DomainName, Serves, Source, SourceId, Timestamp, Webhook, WebhookId,
};
use crate::store::Configuration;

/// The treatment of things that a section of the file does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Left as they are.
    Left,
    /// Removed.
    Removed,
}

/// The configuration that shall be there, and how it differs from the one that is.
pub(super) struct Plan {
    /// The configuration as it shall be.
    pub(super) next: Configuration,
    /// The differences, in the order of the file.
    pub(super) changes: Vec<Change>,
    /// New webhooks that get a secret of their own, which somebody has to be told.
    pub(super) generated: Vec<Webhook>,
    /// New sources without a secret: they refuse every event until they have one.
    pub(super) unproven: Vec<SourceId>,
}

/// Plans an import. An error says what in the file stands in the way.
pub(super) fn plan(
    current: &Configuration,
    file: &File,
    missing: Missing,
    urls_max: usize,
) -> Result<Plan, NativeError> {
    let (changes, generated, unproven) = (Vec::new(), Vec::new(), Vec::new());
    let mut plan = Plan { next: current.clone(), changes, generated, unproven };
    plan.account(file);
    plan.domains(file, missing);
    plan.sources(file, missing)?;
    webhooks::plan(&mut plan, file, missing, urls_max)?;
    plan.check_sources(current, file)?;
    plan.changes.sort_by(|one, other| one.kind.cmp(&other.kind));
    Ok(plan)
}

/// The purpose of a source.
type Purpose = (Provider, Option<DomainName>, Serves);

impl Plan {
    fn account(&mut self, file: &File) {
        let account = &mut self.next.account;
        let called = account.name.clone();
        let mut fields = Vec::new();
        if let Some(name) = file.name.as_ref().filter(|name| **name != account.name) {
            fields.push(ChangedField::between("name", &account.name, name));
            account.name.clone_from(name);
        }
        let key = file.signing_key.as_ref();
        if let Some(key) = key.filter(|key| key.expose() != account.signing_key.expose()) {
            fields.push(ChangedField::secret("signing_key"));
            account.signing_key = key.clone();
        }
        self.changed(Change::changed(ChangeKind::Account, called, fields));
    }

    /// Notes a change, if it is one.
    pub(super) fn changed(&mut self, change: Change) {
        if change.is_one() {
            self.changes.push(change);
        }
    }

    fn domains(&mut self, file: &File, missing: Missing) {
        let Some(entries) = &file.domains else { return };
        for entry in entries {
            self.domain(entry, self.next.account.id, file.now);
        }
        if missing == Missing::Left {
            return;
        }
        let named: BTreeSet<&DomainName> = entries.iter().map(|entry| &entry.name).collect();
        let gone: Vec<DomainName> =
            self.next.domains.keys().filter(|name| !named.contains(name)).cloned().collect();
        for name in gone {
            self.remove_domain(&name);
        }
    }

    fn domain(&mut self, entry: &DomainEntry, account: AccountId, now: Timestamp) {
        let name = entry.name.to_string();
        let Some(domain) = self.next.domains.get_mut(&entry.name) else {
            let mut domain = Domain {
                name: entry.name.clone(),
                account,
                created_at: now,
                mailgun_id: entry.fresh_id.clone(),
                settings: Map::new(),
            };
            drop(changed_domain(&mut domain, entry));
            self.changes.push(Change::added(ChangeKind::Domain, name, String::new()));
            self.next.domains.insert(domain.name.clone(), domain);
            return;
        };
        let fields = changed_domain(domain, entry);
        self.changed(Change::changed(ChangeKind::Domain, name, fields));
    }

    /// Removes a domain, and with it what belongs to it alone.
    fn remove_domain(&mut self, name: &DomainName) {
        self.next.domains.remove(name);
        self.changes.push(Change::removed(ChangeKind::Domain, name.to_string(), String::new()));
        let (changes, own) = (&mut self.changes, Some(name));
        self.next.sources.retain(|_, source| {
            let stays = source.domain.as_ref() != own;
            if !stays {
                changes.push(Change::removed(
                    ChangeKind::Source,
                    source.id.to_string(),
                    about(source),
                ));
            }
            stays
        });
        self.next.webhooks.retain(|scope, list| {
            let stays = scope.domain.as_ref() != own;
            if !stays {
                changes.extend(list.iter().map(webhooks::removed));
            }
            stays
        });
    }

    fn sources(&mut self, file: &File, missing: Missing) -> Result<(), NativeError> {
        let Some(entries) = &file.sources else { return Ok(()) };
        let mut alike = self.sources_by_purpose(entries);
        let mut met = BTreeSet::new();
        for entry in entries {
            // An entry without an id is about a source for the same place, if there is one which
            // no other entry is about.
            let purpose = (entry.provider, entry.domain.clone(), entry.serves);
            let there = || alike.get_mut(&purpose).and_then(Vec::pop);
            let id = entry.id.or_else(there).unwrap_or(entry.fresh_id);
            self.source(entry, id, file.now).map_err(|error| error.within(&entry.place))?;
            met.insert(id);
        }
        if missing == Missing::Removed {
            let changes = &mut self.changes;
            self.next.sources.retain(|id, source| {
                if !met.contains(id) {
                    changes.push(Change::removed(
                        ChangeKind::Source,
                        id.to_string(),
                        about(source),
                    ));
                }
                met.contains(id)
            });
        }
        Ok(())
    }

    /// The sources that no entry names, by what they are for; the newest first.
    fn sources_by_purpose(&self, entries: &[SourceEntry]) -> BTreeMap<Purpose, Vec<SourceId>> {
        let named: BTreeSet<SourceId> = entries.iter().filter_map(|entry| entry.id).collect();
        let mut found: BTreeMap<Purpose, Vec<SourceId>> = BTreeMap::new();
        for source in self.next.sources.values().rev().filter(|s| !named.contains(&s.id)) {
            let purpose = (source.provider, source.domain.clone(), source.serves);
            found.entry(purpose).or_default().push(source.id);
        }
        found
    }

    fn source(
        &mut self,
        entry: &SourceEntry,
        id: SourceId,
        now: Timestamp,
    ) -> Result<(), NativeError> {
        self.check_domain(entry.domain.as_ref())?;
        let Some(source) = self.next.sources.get_mut(&id) else {
            let source = Source {
                id,
                account: self.next.account.id,
                domain: entry.domain.clone(),
                provider: entry.provider,
                serves: entry.serves,
                secrets: entry.secrets.clone().unwrap_or_default(),
                enabled: entry.enabled.unwrap_or(true),
                created_at: now,
            };
            if source.secrets.is_empty() {
                self.unproven.push(id);
            }
            self.changes.push(Change::added(ChangeKind::Source, id.to_string(), about(&source)));
            self.next.sources.insert(id, source);
            return Ok(());
        };
        if source.provider != entry.provider || source.domain != entry.domain {
            let message = format!(
                "expected the source that is here, {}: a source stays with its provider and domain",
                about(source)
            );
            return Err(NativeError::invalid("id", message));
        }
        let mut fields = Vec::new();
        if source.serves != entry.serves {
            fields.push(ChangedField::between("serves", &source.serves, &entry.serves));
            source.serves = entry.serves;
        }
        if let Some(enabled) = entry.enabled.filter(|enabled| *enabled != source.enabled) {
            fields.push(ChangedField::between("enabled", &source.enabled, &enabled));
            source.enabled = enabled;
        }
        let exposed = |source: &Source| -> Vec<String> {
            source.secrets.iter().map(|secret| secret.expose().to_owned()).collect()
        };
        if let Some(secrets) = &entry.secrets {
            let before = exposed(source);
            source.secrets.clone_from(secrets);
            if exposed(source) != before {
                fields.push(ChangedField::secret("secrets"));
            }
        }
        let about = about(source);
        self.changed(Change::changed(ChangeKind::Source, id.to_string(), fields).about(about));
        Ok(())
    }

    /// A domain that something is said to belong to must be there in the end.
    pub(super) fn check_domain(&self, domain: Option<&DomainName>) -> Result<(), NativeError> {
        match domain {
            Some(name) if !self.next.domains.contains_key(name) => {
                let found = quoted(name.as_str());
                let message = format!("expected a domain of this file or account, found {found}");
                Err(NativeError::invalid("domain", message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Sees to it that what a new or changed source serves is there in the end, and is its own.
    fn check_sources(&self, current: &Configuration, file: &File) -> Result<(), NativeError> {
        let webhooks = self.next.webhooks.values().flatten();
        let webhooks: BTreeMap<WebhookId, &Webhook> = webhooks.map(|w| (w.id, w)).collect();
        for entry in file.sources.iter().flatten() {
            let id = entry.id.unwrap_or(entry.fresh_id);
            let Some(source) = self.next.sources.get(&id) else { continue };
            if current.sources.get(&id).is_some_and(|before| before.serves == source.serves) {
                continue;
            }
            check_serves(source, &webhooks)
                .map_err(|message| NativeError::invalid("serves", message).within(&entry.place))?;
        }
        Ok(())
    }
}

fn check_serves(source: &Source, webhooks: &BTreeMap<WebhookId, &Webhook>) -> Result<(), String> {
    match source.serves {
        Serves::All | Serves::Account => Ok(()),
        Serves::Domain if source.domain.is_some() => Ok(()),
        Serves::Domain => Err("expected a source of one domain, found one for all".to_owned()),
        Serves::Webhook(id) => match webhooks.get(&id) {
            None => Err(format!("expected a webhook of this file or account, found {id}")),
            Some(webhook) if source.feeds(webhook) => Ok(()),
            Some(webhook) => Err(unfit(source, webhook)),
        },
    }
}

/// Changes a domain into what its entry says; the fields that differ.
fn changed_domain(domain: &mut Domain, entry: &DomainEntry) -> Vec<ChangedField> {
    let mut fields = Vec::new();
    if let Some(id) = entry.mailgun_id.as_ref().filter(|id| **id != domain.mailgun_id) {
        fields.push(ChangedField::between("mailgun_id", &domain.mailgun_id, id));
        domain.mailgun_id.clone_from(id);
    }
    if let Some(settings) = &entry.settings {
        let there: Vec<(String, Value)> = mailgun_settings(domain)
            .into_iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, old) in &there {
            let new = settings.get(name);
            if new != Some(old) {
                fields.push(ChangedField::between(&format!("settings.{name}"), &Some(old), &new));
                domain.settings.remove(name);
            }
        }
        for (name, new) in settings {
            if !there.iter().any(|(known, _)| known == name) {
                fields.push(ChangedField::between(&format!("settings.{name}"), &None, &Some(new)));
            }
            domain.settings.insert(name.clone(), new.clone());
        }
    }
    for (of, records) in &entry.records {
        let old = domain.dns_records(*of);
        let new = serde_json::to_value(records).unwrap_or_default();
        if old != new {
            fields.push(ChangedField::between(of.field(), &old, &new));
            domain.set_dns_records(*of, records);
        }
    }
    fields
}

/// A source, in words.
fn about(source: &Source) -> String {
    match &source.domain {
        Some(domain) => format!("{}, {domain}", source.provider),
        None => format!("{}, all domains", source.provider),
    }
}
