//! The verification recipes of the five providers, written for Node and Python as their
//! descriptions have them, run on requests that were really delivered.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::install;
use crate::support::skip;

/// A request that a receiver got, and how it is to be checked.
pub(crate) struct Signed {
    /// The recipes' name for the way of signing: a dialect's, or one of its second forms.
    pub(crate) scheme: &'static str,
    pub(crate) secret: String,
    /// By lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Has every recipe judge every request: they take it as it is, and not with a byte changed.
pub(crate) fn judge(requests: &[Signed]) {
    assert!(!requests.is_empty());
    let mut lines = String::new();
    for Signed { scheme, secret, headers, body } in requests {
        let headers: Map<String, Value> =
            headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let line = json!({ "scheme": scheme, "secret": secret, "headers": headers, "body": body });
        writeln!(lines, "{line}").unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    for judge in [install::node("recipes.cjs"), install::python("recipes.py")] {
        match judge {
            Ok(mut judge) => {
                install::run(judge.arg(file.path())).unwrap_or_else(|told| panic!("{told}"));
            }
            Err(missing) => skip(&missing),
        }
    }
}
