//! The matcher: paths as a tree of their segments, made once from the patterns of the table.
//!
//! A pattern is a path whose segments are words, choices between words (`{v3|v4}`, or with a name
//! `{name:a|b}`) or parameters (`{name}`); the last may be all that is left (`{...}`), nothing
//! included. Where several
//! patterns fit a path, the first segment in which they differ decides: a word goes before a
//! parameter, and a parameter before all that is left.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Patterns, and the values that stand under them.
pub(super) struct Tree<T> {
    words: Vec<(&'static str, Self)>,
    parameter: Option<Box<Self>>,
    /// Under the patterns that end here.
    here: Vec<T>,
    /// Under those that take all that is left from here on.
    rest: Vec<T>,
}

/// A segment of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// One of the words between bars, and a name for it.
    Words(&'static str, &'static str),
    Parameter(&'static str),
    Rest,
}

impl Segment {
    fn of(segment: &'static str) -> Self {
        let braced = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        match braced {
            None => Self::Words(segment, ""),
            Some("...") => Self::Rest,
            Some(words) if words.contains('|') => {
                let (name, words) = words.split_once(':').unwrap_or(("", words));
                Self::Words(words, name)
            }
            Some(name) => Self::Parameter(name),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Words(_, name) | Self::Parameter(name) => name,
            Self::Rest => "",
        }
    }
}

impl<T: Copy> Tree<T> {
    /// An empty tree.
    pub(super) const fn new() -> Self {
        Self { words: Vec::new(), parameter: None, here: Vec::new(), rest: Vec::new() }
    }

    /// Puts a value under a pattern, behind those that are there.
    pub(super) fn add(&mut self, pattern: &'static str, value: T) {
        let parts: Vec<Segment> = segments(pattern).map(Segment::of).collect();
        self.add_below(&parts, value);
    }

    fn add_below(&mut self, parts: &[Segment], value: T) {
        let Some((part, below)) = parts.split_first() else {
            self.here.push(value);
            return;
        };
        match part {
            Segment::Words(words, _) => {
                for word in words.split('|') {
                    self.below_word(word).add_below(below, value);
                }
            }
            Segment::Parameter(_) => {
                let node = self.parameter.get_or_insert_with(|| Box::new(Self::new()));
                node.add_below(below, value);
            }
            Segment::Rest => {
                assert!(below.is_empty(), "nothing is left behind all that is left");
                self.rest.push(value);
            }
        }
    }

    fn below_word(&mut self, word: &'static str) -> &mut Self {
        let at = self.words.iter().position(|(known, _)| *known == word);
        let at = at.unwrap_or_else(|| {
            self.words.push((word, Self::new()));
            self.words.len() - 1
        });
        &mut self.words[at].1
    }

    /// The values under the pattern that fits a path best; none if no pattern fits.
    pub(super) fn find(&self, path: &str) -> &[T] {
        self.find_below(segments(path))
    }

    fn find_below<'p>(&self, mut path: impl Iterator<Item = &'p str> + Clone) -> &[T] {
        let Some(segment) = path.next() else {
            return if self.here.is_empty() { &self.rest } else { &self.here };
        };
        let word = self.words.iter().find(|(word, _)| *word == segment).map(|(_, node)| node);
        for node in word.into_iter().chain(self.parameter.as_deref()) {
            let found = node.find_below(path.clone());
            if !found.is_empty() {
                return found;
            }
        }
        &self.rest
    }
}

/// The segments of a path or of a pattern; slashes at either end do not count.
pub(in crate::http) fn segments(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// A segment, percent-decoded. Every text is one: whether it names anything is for the handler to
/// say, in its dialect's words.
pub(in crate::http) fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// The segment of a path that stands where its pattern has this parameter.
pub(in crate::http) fn parameter<'p>(
    pattern: &'static str,
    path: &'p str,
    name: &str,
) -> Option<Cow<'p, str>> {
    let mut pairs = segments(pattern).zip(segments(path));
    let (_, segment) = pairs.find(|(part, _)| Segment::of(part).name() == name)?;
    Some(decoded(segment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(patterns: &[&'static str]) -> Tree<usize> {
        let mut tree = Tree::new();
        for (value, pattern) in patterns.iter().enumerate() {
            tree.add(pattern, value);
        }
        tree
    }

    #[test]
    fn a_path_fits_if_each_segment_does_whatever_slashes_stand_at_its_ends() {
        let tree = tree(&["/a", "/a/{id}", "/a/{id}/b", "/{v3|v4}/x"]);
        for (path, found) in [
            ("/a", Some(0)),
            ("/a/", Some(0)),
            ("/a/b", Some(1)),
            ("/a/b/b/", Some(2)),
            ("/a/b/c", None),
            ("/a/b/b/b", None),
            ("/A", None),
            ("/v3/x", Some(3)),
            ("/v4/x", Some(3)),
            ("/v3|v4/x", None),
            ("/", None),
            ("", None),
            ("*", None),
        ] {
            assert_eq!(tree.find(path).first().copied(), found, "{path}");
        }
    }

    #[test]
    fn a_word_goes_before_a_parameter_and_that_before_what_is_left_unless_it_leads_nowhere() {
        let tree = tree(&["/k/{id}", "/k/public", "/k/{...}", "/k/{id}/{x}/end", "/k/public/a"]);
        for (path, found) in [
            ("/k", 2),
            ("/k/public", 1),
            ("/k/other", 0),
            ("/k/public/a", 4),
            ("/k/public/a/end", 3),
            ("/k/public/b", 2),
            ("/k/a/b/c/d", 2),
        ] {
            assert_eq!(tree.find(path), [found], "{path}");
        }
    }

    #[test]
    fn values_under_one_pattern_keep_their_order_whatever_its_parameters_are_called() {
        assert_eq!(tree(&["/a/{id}", "/a/{name}", "/{a|b}/{id}"]).find("/a/1"), [0, 1, 2]);
    }

    #[test]
    fn parameters_are_decoded_each_by_itself() {
        let pattern = "/{v3|v4}/domains/{domain}/{name}";
        let at = |name| parameter(pattern, "/v4/domains/a%2Fb%20c/%ff", name);
        assert_eq!(at("domain").as_deref(), Some("a/b c"));
        assert_eq!(at("name").as_deref(), Some("\u{fffd}"));
        assert_eq!(at("other"), None);
        assert_eq!(parameter("/{v:a|b}/{id}", "/b/1", "v").as_deref(), Some("b"));
    }

    proptest! {
        #[test]
        fn any_path_is_looked_up_without_a_panic(path in "[ab{}|/%.]{0,30}") {
            let tree = tree(&["/a/{b}/{...}", "/{a|b}/{b}/a", "/{x}/{y}/{z}"]);
            let found = tree.find(&path);
            prop_assert!(found.len() <= 2);
        }
    }
}
