//! Losses as values: what a payload did not carry, found by reading it back.
//!
//! Nothing declares what a dialect can carry, so no declaration can be wrong: a rendering is read
//! again, and every field of the event that did not come back as it was is lost. What the dialects
//! lose in practice is on file in `fixtures/tables/losses.md`.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::event::{Client, Event, Message, Place, Reader, Report, Rest};
use crate::json::flat_text;
use crate::provider::Provider;

/// Names what `event` has and `reread` has not, or has otherwise; in the order of [`Event`]'s
/// fields, each name once.
///
/// Names are stable: those of [`Event`]'s fields; `<provider>:<path>` for a documented field that
/// only that provider has; `unknown:<path>` for one that nobody documented.
pub(crate) fn between(event: &Event, reread: &Event) -> Vec<String> {
    let mut losses = Losses(Vec::new());
    losses.field("kind", &event.kind, &reread.kind);
    losses.field("event-id", &event.id, &reread.id);
    losses.field("time", &event.time, &reread.time);
    losses.field("recipient", &event.recipient, &reread.recipient);
    losses.message(&event.message, &reread.message);
    if !event.tags.is_empty() {
        losses.note("tags", event.tags == reread.tags);
    }
    losses.user_variables(&event.user_variables, &reread.user_variables);
    losses.report(&event.report, &reread.report);
    losses.reader(&event.reader, &reread.reader);
    losses.field("feedback-type", &event.feedback_type, &reread.feedback_type);
    losses.rest(event, &reread.rest);
    losses.0
}

struct Losses(Vec<String>);

impl Losses {
    fn note(&mut self, name: &str, kept: bool) {
        if !kept && !self.0.iter().any(|lost| lost == name) {
            self.0.push(name.to_owned());
        }
    }

    fn field<T: PartialEq>(&mut self, name: &str, had: &Option<T>, has: &Option<T>) {
        self.note(name, had.is_none() || had == has);
    }

    fn message(&mut self, had: &Message, has: &Message) {
        let Message { id, from, to, subject, sender } = had;
        self.field("message-id", id, &has.id);
        self.field("from", from, &has.from);
        self.field("to", to, &has.to);
        self.field("subject", subject, &has.subject);
        self.field("sender", sender, &has.sender);
    }

    /// Compares user data. A number comes back as its digits where only texts can stand: its value is
    /// kept, its type is not, and that is a name of its own.
    fn user_variables(&mut self, had: &Map<String, Value>, has: &Map<String, Value>) {
        let as_texts = |map: &Map<String, Value>| -> Map<String, Value> {
            map.iter().map(|(key, value)| (key.clone(), flat_text(value).into())).collect()
        };
        if had.iter().all(|(key, value)| has.get(key) == Some(value)) {
            return;
        }
        let has = as_texts(has);
        let kept = as_texts(had).iter().all(|(key, value)| has.get(key) == Some(value));
        self.note(if kept { "user-variable-types" } else { "user-variables" }, false);
    }

    fn report(&mut self, had: &Report, has: &Report) {
        let Report {
            code,
            enhanced_code,
            text,
            description,
            attempt,
            retry_after_s,
            class,
            subtype,
            reason,
        } = had;
        self.field("smtp-code", code, &has.code);
        self.field("smtp-enhanced-code", enhanced_code, &has.enhanced_code);
        self.field("smtp-text", text, &has.text);
        self.field("description", description, &has.description);
        self.field("attempt", attempt, &has.attempt);
        self.field("retry-after", retry_after_s, &has.retry_after_s);
        self.field("bounce-class", class, &has.class);
        self.field("bounce-subtype", subtype, &has.subtype);
        self.field("reason", reason, &has.reason);
    }

    fn reader(&mut self, had: &Reader, has: &Reader) {
        let Reader { url, ip, user_agent, client, place } = had;
        self.field("url", url, &has.url);
        self.field("ip", ip, &has.ip);
        self.field("user-agent", user_agent, &has.user_agent);
        let Client { kind, os, device, name } = client;
        self.field("client-info", kind, &has.client.kind);
        self.field("client-info", os, &has.client.os);
        self.field("client-info", device, &has.client.device);
        self.field("client-info", name, &has.client.name);
        let Place { country, region, city, timezone } = place;
        self.field("geolocation", country, &has.place.country);
        self.field("geolocation", region, &has.place.region);
        self.field("geolocation", city, &has.place.city);
        self.field("geolocation", timezone, &has.place.timezone);
    }

    fn rest(&mut self, event: &Event, has: &[Rest]) {
        let has: HashMap<_, _> = has.iter().map(|part| (&part.path, &part.value)).collect();
        let lost = event.rest.iter().filter(|part| has.get(&part.path) != Some(&&part.value));
        let names = lost.map(|part| name_of(event.provider, &part.path.join(".")));
        self.0.extend(names.collect::<BTreeSet<_>>());
    }
}

fn name_of(provider: Provider, path: &str) -> String {
    let documented = provider.reading().own.contains(&path);
    if documented { format!("{provider}:{path}") } else { format!("unknown:{path}") }
}
