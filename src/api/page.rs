//! Lists: whole ones, and those that come page by page.

use serde::{Deserialize, Serialize};

/// A list that is answered whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Items<T> {
    /// The items.
    pub items: Vec<T>,
}

impl<T> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { items: items.into_iter().collect() }
    }
}

/// A page of a longer list. A list that is answered whole reads as its only page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items of this page. There may be none, and more pages all the same.
    pub items: Vec<T>,
    /// The `cursor` to ask for the next page with; null on the last.
    pub next: Option<String>,
}
