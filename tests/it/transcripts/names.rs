//! Names for what is random in answers, so that transcripts can be compared.

use std::collections::BTreeMap;

use crate::support::{KEY, SIGNING_KEY};

/// The names of what is random.
pub(super) struct Names {
    pub(super) values: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Default for Names {
    fn default() -> Self {
        let own = [("account", KEY), ("signing_key", SIGNING_KEY)];
        let values = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: values.into(), counts: BTreeMap::new() }
    }
}

impl Names {
    pub(super) fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{{name}}}}}"), value);
        }
        text
    }

    /// Replaces known values by their names, and names what is new; what the request says stays.
    pub(super) fn masked(&mut self, text: &str, request: &str) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        // Secrets first: what hints at one may stand before it.
        for secret in text.split(|c| !word(c)).filter(|word| sort(word) == Some("whsec")) {
            self.name(secret);
        }
        let mut masked = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let (head, tail) = rest.split_at(end);
            match self.hinted(&masked, head) {
                Some(hint) => masked.push_str(&hint),
                None if request.contains(head) => masked.push_str(head),
                None => masked.push_str(&self.name(head)),
            }
            let other = tail.find(word).unwrap_or(tail.len());
            masked.push_str(&tail[..other]);
            rest = &tail[other..];
        }
        masked
    }

    /// The end of a secret, behind the dots that stand for its beginning.
    fn hinted(&self, before: &str, word: &str) -> Option<String> {
        let end = before.strip_suffix("••••").map(|_| word)?;
        let whole = self.values.iter().filter(|(name, _)| name.starts_with("whsec"));
        let (name, _) = whole.rev().find(|(_, secret)| secret.ends_with(end))?;
        Some(format!("{{{{end of {name}}}}}"))
    }

    fn name(&mut self, word: &str) -> String {
        let known = self.values.iter().find(|(_, value)| *value == word);
        if let Some((name, _)) = known {
            return format!("{{{{{name}}}}}");
        }
        let Some(sort) = sort(word) else { return word.to_owned() };
        let count = self.counts.entry(sort).or_default();
        *count += 1;
        let name = format!("{sort}{count}");
        self.values.insert(name.clone(), word.to_owned());
        format!("{{{{{name}}}}}")
    }
}

/// What sort of random value a word looks like.
fn sort(word: &str) -> Option<&'static str> {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let groups: Vec<&str> = word.split('-').collect();
    match groups.as_slice() {
        [long, first, second] if hex(long, 32) && hex(first, 8) && hex(second, 8) => Some("secret"),
        ["key", long] if hex(long, 32) => Some("signing_key"),
        ["pubkey", long] if hex(long, 32) => Some("pubkey"),
        [a, b, c, d, e] if hex(&[a, b, c, d, e].map(|part| *part).concat(), 32) => Some("uuid"),
        [_] if word.strip_prefix("whsec_").is_some_and(|rest| hex(rest, 48)) => Some("whsec"),
        [_] if word.strip_prefix("whk_").is_some_and(|rest| hex(rest, 32)) => Some("whk"),
        [_] if word.strip_prefix("wh_").is_some_and(|rest| hex(rest, 32)) => Some("wh"),
        [_] if word.strip_prefix("req_").is_some_and(|rest| hex(rest, 24)) => Some("req"),
        [_] if word.strip_prefix("key_").is_some_and(|rest| hex(rest, 32)) => Some("key"),
        [_] if hex(word, 24) => Some("id"),
        _ => None,
    }
}
