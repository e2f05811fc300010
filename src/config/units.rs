//! Times and sizes as people write them: `10m`, `1h30m`, `7d`, `1MiB`, `10GB`.

use std::time::Duration;

/// Reads a time: numbers with units `ms`, `s`, `m`, `h`, `d`, one after the other.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a time such as `30s`, `10m` or `1h30m`, found {text:?}");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(expected());
    }
    while !rest.is_empty() {
        let (number, after) = number(rest).ok_or_else(expected)?;
        let unit_len = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let millis = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(expected()),
        };
        total = number
            .checked_mul(millis)
            .and_then(|millis| total.checked_add(Duration::from_millis(millis)))
            .ok_or_else(expected)?;
        rest = after;
    }
    Ok(total)
}

/// Reads a size: a number of bytes, or one with a unit `kB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`,
/// `TB`, `TiB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a size such as `1MiB` or `10GB`, found {text:?}");
    let (number, unit) = number(text.trim()).ok_or_else(expected)?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "kib" | "k" => 1 << 10,
        "mb" => 1_000_000,
        "mib" | "m" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" | "g" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "tib" | "t" => 1 << 40,
        _ => return Err(expected()),
    };
    number.checked_mul(factor).ok_or_else(expected)
}

/// The whole number that `text` begins with, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        assert_eq!(duration("7d"), Ok(Duration::from_hours(168)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn sizes_are_binary_or_decimal_as_written() {
        assert_eq!(bytes("1MiB"), Ok(1 << 20));
        assert_eq!(bytes("10GB"), Ok(10_000_000_000));
        assert_eq!(bytes("4096"), Ok(4096));
    }

    #[test]
    fn anything_else_is_refused_with_what_was_found() {
        for text in ["", "10", "m", "10 minutes", "99999999999999999999d", "-1s", "1h-"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "MiB", "1.5GiB", "1XB", "99999999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
