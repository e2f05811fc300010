//! A JSON object as the fields of a form: mailgun.js sends some calls so, with their parameters in
//! the object, or in the query beside an empty one (`spec/mailgun-api.md` §1.2).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::FIELDS_MAX;
use crate::http::mailgun::answer::excerpt;

/// The longest name of a field, in bytes. Each item of a list is a field with the list's name, so
/// without a bound a short body could become a long form.
const NAME_BYTES_MAX: usize = 256;

/// Reads a document, field by field: one that has too many is left where that shows, and nothing of
/// it is held but its fields.
///
/// Numbers and booleans are fields as texts are, a list is a repeated field, `null` is none.
pub(super) fn fields(bytes: &[u8]) -> Result<Vec<(String, String)>, serde_json::Error> {
    let mut fields = Vec::new();
    let mut document = serde_json::Deserializer::from_slice(bytes);
    Document(&mut fields).deserialize(&mut document)?;
    document.end()?;
    Ok(fields)
}

/// The object that a body is, or `null` where a client has no fields.
struct Document<'f>(&'f mut Vec<(String, String)>);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(name) = object.next_key::<String>()? {
            if name.len() > NAME_BYTES_MAX {
                let expected = format!("expected names of at most {NAME_BYTES_MAX} bytes");
                return Err(A::Error::custom(format!("{expected}, found {}", excerpt(&name))));
            }
            object.next_value_seed(Field { name, fields: self.0, nesting: Nesting::Whole })?;
        }
        Ok(())
    }
}

/// The value of a field, or one of the list that it is.
struct Field<'f> {
    name: String,
    fields: &'f mut Vec<(String, String)>,
    nesting: Nesting,
}

#[derive(Clone, Copy)]
enum Nesting {
    Whole,
    Listed,
}

impl Field<'_> {
    fn add<E: Error>(self, value: String) -> Result<(), E> {
        if self.fields.len() == FIELDS_MAX {
            return Err(E::custom(format!("expected at most {FIELDS_MAX} fields, found more")));
        }
        self.fields.push((self.name, value));
        Ok(())
    }

    fn refused<E: Error>(&self, found: &str) -> E {
        let expected = "a text, a number, a boolean or a list of these";
        E::custom(format!("{}: expected {expected}, found {found}", excerpt(&self.name)))
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean or a list of these")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.add(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.add(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.add(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.add(value.to_string())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.add(value.to_owned())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Nesting::Listed = self.nesting {
            return Err(self.refused("a list in a list"));
        }
        let Self { name, fields, .. } = self;
        let mut next = || {
            let item = Field { name: name.clone(), fields: &mut *fields, nesting: Nesting::Listed };
            list.next_element_seed(item)
        };
        while next()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, _object: A) -> Result<(), A::Error> {
        Err(self.refused("an object"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(fields(body.as_bytes()).unwrap(), expected, "{body}");
    }

    #[track_caller]
    fn refused(body: &str, expected: &str) {
        let error = fields(body.as_bytes()).unwrap_err().to_string();
        let (reason, _place) = error.split_once(" at line 1 column ").unwrap();
        assert_eq!(reason, expected, "{body}");
    }

    #[test]
    fn scalars_are_fields_and_lists_are_repeated_ones() {
        check("{}", &[]);
        check(" null ", &[]);
        check(
            r#"{"id":"clicked","url":["a","b"],"limit":10,"at":-1,"share":0.5,"self":true,"x":null}"#,
            &[
                ("id", "clicked"),
                ("url", "a"),
                ("url", "b"),
                ("limit", "10"),
                ("at", "-1"),
                ("share", "0.5"),
                ("self", "true"),
            ],
        );
        check(r#"{"a":[],"b":[null,false]}"#, &[("b", "false")]);
    }

    #[test]
    fn what_no_form_could_say_is_refused_in_words() {
        let expected = "expected a text, a number, a boolean or a list of these, found";
        refused(r#"{"a":{"b":1}}"#, &format!("a: {expected} an object"));
        refused(r#"{"a":[{}]}"#, &format!("a: {expected} an object"));
        refused(r#"{"a":[[]]}"#, &format!("a: {expected} a list in a list"));
        refused("[]", "invalid type: sequence, expected a JSON object");
        refused("{} {}", "trailing characters");
        assert!(fields(b"").is_err() && fields(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn too_many_fields_are_refused_before_the_rest_is_read() {
        let many = |value: &str| {
            let tail = "what follows is no JSON at all";
            fields(format!("{{\"a\":[{}{tail}", value.repeat(FIELDS_MAX + 1)).as_bytes())
        };
        let error = many("0,").unwrap_err().to_string();
        assert!(error.starts_with("expected at most 256 fields, found more"), "{error}");
        let name = "n".repeat(257);
        let long = fields(format!("{{\"{name}\":[1,1]}}").as_bytes()).unwrap_err().to_string();
        assert!(long.starts_with("expected names of at most 256 bytes, found nnn"), "{long}");
        // Nesting costs nothing either: it is refused where it begins.
        assert!(fields("[".repeat(1 << 20).as_bytes()).is_err());
        assert!(fields(format!("{{\"a\":{}", "[".repeat(1 << 20)).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_json_is_read_or_refused_and_never_as_more_than_the_limit(value in json()) {
            if let Ok(fields) = fields(value.to_string().as_bytes()) {
                prop_assert!(value.is_object() || value.is_null());
                prop_assert!(fields.len() <= FIELDS_MAX);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'{'), Just(b'['), Just(b'"'), Just(b':')], 0..200),
        ) {
            let _ = fields(&bytes);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 400, 40, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
                proptest::collection::vec(("[a-z\\[\\]]{0,4}", inner), 0..40)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }
}
