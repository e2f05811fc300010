//! Methods and paths: what a dialect has, and which of it a request means.

use warp::http::Method;

use super::{Api, Problem, shorten};

/// A method on a path, and what it does there.
pub(in crate::http) struct Endpoint {
    method: &'static str,
    /// Below the collection; `{id}` stands for any part.
    path: &'static str,
    verb: Verb,
}

/// What can be asked of a dialect's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Verb {
    /// Show every webhook.
    List,
    /// Make a new one.
    Create,
    /// Show one.
    Show,
    /// Change one.
    Update,
    /// Remove one.
    Remove,
    /// Call its receiver now.
    Test,
    /// Give it a new secret.
    RotateSecret,
    /// Show what was sent to it lately.
    Deliveries,
    /// Send a delivery again.
    Replay,
}

const ID: &str = "{id}";

impl Endpoint {
    /// An endpoint; `path` is below the collection and has `{id}` where an id stands.
    pub(in crate::http) const fn new(method: &'static str, path: &'static str, verb: Verb) -> Self {
        Self { method, path, verb }
    }

    /// The id in a path that is this endpoint's; an empty one where it has none.
    fn id<'p>(&self, below: &[&'p str]) -> Option<&'p str> {
        let mut id = "";
        let mut parts = self.path.split('/').filter(|part| !part.is_empty());
        for found in below {
            match parts.next()? {
                ID => id = found,
                part if part == *found => {}
                _ => return None,
            }
        }
        parts.next().is_none().then_some(id)
    }
}

/// What a request asks for, and of which id.
pub(super) fn find<'p>(
    api: &dyn Api,
    method: &Method,
    below: &[&'p str],
) -> Result<(Verb, &'p str), Problem> {
    let here = || api.endpoints().iter().filter_map(|one| Some((one, one.id(below)?)));
    if let Some((endpoint, id)) = here().find(|(one, _)| one.method == method.as_str()) {
        return Ok((endpoint.verb, id));
    }
    let allowed: Vec<&str> = here().map(|(one, _)| one.method).collect();
    let path = below.iter().fold("webhooks".to_owned(), |path, part| path + "/" + part);
    let (method, path) = (shorten(method.as_str()), shorten(&path));
    Err(if allowed.is_empty() {
        Problem::NoSuchRoute { method, path }
    } else {
        Problem::MethodNotAllowed { allow: allowed.join(", "), method, path }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_endpoints_if_every_part_fits() {
        let id = |path: &'static str, below: &[&'static str]| {
            Endpoint::new("GET", path, Verb::Show).id(below)
        };
        assert_eq!(id("", &[]), Some(""));
        assert_eq!(id("", &["a"]), None);
        assert_eq!(id("{id}", &["a"]), Some("a"));
        assert_eq!(id("{id}", &[]), None);
        assert_eq!(id("{id}/test", &["a", "test"]), Some("a"));
        assert_eq!(id("{id}/test", &["a", "toast"]), None);
        assert_eq!(id("{id}/test", &["a", "test", "b"]), None);
        assert_eq!(id("deliveries/{id}/replay", &["deliveries", "a", "replay"]), Some("a"));
    }
}
