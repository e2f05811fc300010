//! Secrets that an API does not show and whoever migrates has, each given to the row it is meant
//! for.

use std::collections::BTreeMap;

use waypost_compat::Secret;

use crate::migrate::Row;
use crate::migrate::error::Error;

/// The number of characters at its end that a hint shows of a secret.
const HINT: usize = 4;

/// Gives rows their secrets, which are named by id, or by URL where only one row has it. `hints`
/// holds the end of a secret by row, where the API shows that much.
pub(super) fn give(
    rows: &mut [Row],
    given: &BTreeMap<String, Secret>,
    hints: &BTreeMap<String, String>,
) -> Result<(), Error> {
    for (name, secret) in given {
        let named: Vec<usize> = match rows.iter().position(|row| row.id == *name) {
            Some(index) => vec![index],
            None => (0..rows.len()).filter(|&index| rows[index].url == *name).collect(),
        };
        if let [_, _, ..] = named.as_slice() {
            let ids: Vec<&str> = named.iter().map(|&index| &*rows[index].id).collect();
            return Err(Error::misuse(format!(
                "--secret: expected the id of one webhook, found {name}, which several have; give \
                 each its own by id: {}",
                ids.join(", ")
            )));
        }
        for index in named {
            check(&rows[index].id, secret, hints)?;
            rows[index].secret = Some(secret.clone());
        }
    }
    Ok(())
}

/// Refuses a secret that ends otherwise than the provider says that the webhook's does.
fn check(id: &str, secret: &Secret, hints: &BTreeMap<String, String>) -> Result<(), Error> {
    let end = |text: &str| text.chars().skip(text.chars().count().saturating_sub(HINT)).collect();
    let Some(shown) = hints.get(id).map(|hint| -> String { end(hint) }) else { return Ok(()) };
    let found: String = end(secret.expose());
    let is_told = shown.chars().count() == HINT && shown.chars().all(|c| c.is_ascii_graphic());
    if !is_told || shown.contains('*') || shown == found {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "--secret {id}=…: expected a secret that ends in {shown}, as its provider shows it, found \
         another; its receiver has the right one"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::RowState;

    fn row(id: &str, url: &str) -> Row {
        Row {
            id: id.to_owned(),
            url: url.to_owned(),
            events: vec!["open".to_owned()],
            state: RowState::Active,
            description: None,
            has_history: false,
            secret: None,
        }
    }

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        pairs.iter().map(|(name, secret)| ((*name).to_owned(), Secret::new(*secret))).collect()
    }

    #[test]
    fn a_url_that_several_rows_have_names_none_of_them() {
        let mut rows = [row("a", "https://x/"), row("b", "https://x/"), row("c", "https://y/")];
        let by_url = given(&[("https://x/", "s1")]);
        let told = give(&mut rows, &by_url, &BTreeMap::new()).unwrap_err().to_string();
        assert!(told.contains("a, b"), "{told}");
        let secrets = given(&[("a", "s1"), ("https://y/", "s3")]);
        give(&mut rows, &secrets, &BTreeMap::new()).unwrap();
        let known: Vec<_> =
            rows.iter().map(|row| row.secret.as_ref().map(|secret| secret.expose())).collect();
        assert_eq!(known, [Some("s1"), None, Some("s3")]);
    }

    #[test]
    fn a_secret_that_its_hint_contradicts_is_refused() {
        let hints = |hint: &str| BTreeMap::from([("a".to_owned(), hint.to_owned())]);
        let secrets = given(&[("a", "whsec_12345678abcd")]);
        for hint in ["••••abcd", "••••", "", "abcd", "****"] {
            give(&mut [row("a", "https://x/")], &secrets, &hints(hint)).unwrap();
        }
        let refused = give(&mut [row("a", "https://x/")], &secrets, &hints("••••abce"));
        let told = refused.unwrap_err().to_string();
        assert!(told.contains("ends in abce") && !told.contains("1234"), "{told}");
    }
}
