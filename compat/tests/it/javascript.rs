//! What `JSON.stringify(JSON.parse(text))` gives: Posthawk's published verifier signs that.

use serde_json::Value;

/// Writes a value as JavaScript does.
pub(crate) fn stringify(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
        Value::Number(number) => {
            let float = number.as_f64().unwrap();
            let size = float.abs();
            assert!(size == 0.0 || (1e-6..1e21).contains(&size), "{float} has an exponent there");
            if float.fract() == 0.0 {
                return format!("{:.0}", if float == 0.0 { 0.0 } else { float });
            }
            // The shortest digits that read back the same. Of two that are as short and as near,
            // JavaScript takes the even one and Rust the other.
            let (digits, shortest) = (number.to_string(), float.to_string());
            assert!(
                digits.len() == shortest.len()
                    && digits.parse() == Ok(float)
                    && !digits.contains('e')
            );
            digits
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(stringify).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let index = |key: &str| {
                let index: Option<u32> = key.parse().ok();
                index.filter(|index| index.to_string() == key && *index != u32::MAX)
            };
            let mut indexed: Vec<_> =
                map.iter().filter_map(|(key, value)| Some((index(key)?, value))).collect();
            indexed.sort_by_key(|(index, _)| *index);
            let indexed = indexed.into_iter().map(|(index, value)| (index.to_string(), value));
            let named = map.iter().filter(|(key, _)| index(key).is_none());
            let named = named.map(|(key, value)| (key.clone(), value));
            let members = indexed
                .chain(named)
                .map(|(key, value)| format!("{}:{}", Value::String(key), stringify(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn javascript_sorts_index_like_keys_and_shortens_numbers() {
    let value: Value =
        serde_json::from_str(r#"{"b":1.0,"10":2.50,"2":-0.0,"01":1e3,"4294967295":"\u2028/"}"#)
            .unwrap();
    assert_eq!(
        stringify(&value),
        "{\"2\":0,\"10\":2.5,\"b\":1,\"01\":1000,\"4294967295\":\"\u{2028}/\"}"
    );
}
