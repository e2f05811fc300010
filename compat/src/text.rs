//! Addresses, message ids and SMTP replies as they stand in texts.

/// The address in `Name <address>`, or the text itself.
pub(crate) fn bare_address(text: &str) -> &str {
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(text, |(address, _)| address).trim()
}

/// The domain of an address: all that follows the last `@`, in lower case.
pub(crate) fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    Some(domain.to_ascii_lowercase()).filter(|domain| !domain.is_empty())
}

/// A message id without its angle brackets, as Mailgun writes it.
pub(crate) fn bare_message_id(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text)
}

/// A server's reply taken apart into code and text: `550 5.1.1 no such user`, `550-5.1.1 …`,
/// `smtp; 550 …` as SES's `diagnosticCode` has it. Without a code all of it is text.
pub(crate) fn split_reply(reply: &str) -> (Option<u16>, &str) {
    let reply = reply.trim();
    let reply = reply.strip_prefix("smtp;").map_or(reply, str::trim_start);
    let Some((code, rest)) = reply.split_at_checked(3) else { return (None, reply) };
    let rest = match rest.strip_prefix([' ', '-']) {
        Some(text) => text.trim(),
        None if rest.is_empty() => "",
        None => return (None, reply),
    };
    let known = code.bytes().all(|byte| byte.is_ascii_digit());
    match code.parse::<u16>() {
        // 6xx: Mailgun's own codes for suppressions and lost connections.
        Ok(number @ 200..700) if known => (Some(number), rest),
        _ => (None, reply),
    }
}

/// A reply put together again; the inverse of [`split_reply`].
pub(crate) fn join_reply(code: Option<u16>, text: Option<&str>) -> Option<String> {
    match (code, text) {
        (Some(code), Some(text)) => Some(format!("{code} {text}")),
        (Some(code), None) => Some(code.to_string()),
        (None, text) => text.map(str::to_owned),
    }
}

/// The enhanced status code (RFC 3463) that a text begins with, such as `5.1.1`.
pub(crate) fn leading_enhanced_code(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    let mut parts = word.split('.');
    let class = parts.next().is_some_and(|part| matches!(part, "2" | "4" | "5"));
    let mut number = || {
        parts.next().is_some_and(|part| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    (class && number() && number() && parts.next().is_none()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_message_ids_lose_their_brackets() {
        assert_eq!(bare_address("Ada <ada@example.com>"), "ada@example.com");
        assert_eq!(bare_address("ada@example.com"), "ada@example.com");
        assert_eq!(bare_address("\"<x>\" <ada@example.com>"), "ada@example.com");
        assert_eq!(bare_message_id(" <1@example.com> "), "1@example.com");
        assert_eq!(domain_of("ada@Example.COM").as_deref(), Some("example.com"));
        assert_eq!(domain_of("nobody"), None);
    }

    #[test]
    fn a_reply_splits_into_code_and_text() {
        assert_eq!(split_reply("550 5.1.1 no"), (Some(550), "5.1.1 no"));
        assert_eq!(split_reply("smtp; 550-5.1.1 no"), (Some(550), "5.1.1 no"));
        assert_eq!(split_reply("250"), (Some(250), ""));
        assert_eq!(split_reply("2500 messages"), (None, "2500 messages"));
        assert_eq!(split_reply("+12 x"), (None, "+12 x"));
        assert_eq!(split_reply("äöü"), (None, "äöü"));
        assert_eq!(leading_enhanced_code("5.1.10 no"), Some("5.1.10"));
        assert_eq!(leading_enhanced_code("5.1 no"), None);
        assert_eq!(leading_enhanced_code("10.1.1.1 refused"), None);
    }
}
