//! HMAC-SHA256, and the two ways of writing one down.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Secret;

/// A message authentication code that has taken in its message.
#[derive(Clone)]
pub(crate) struct Code(Hmac<Sha256>);

impl Code {
    /// The code of `parts`, one after the other, under the whole text of `secret`, prefix included
    /// (`spec/mailgun-events.md` §6: the dialect, not the prefix, decides what the key is).
    pub(crate) fn of(secret: &Secret, parts: &[&[u8]]) -> Self {
        Self::under(secret.expose().as_bytes(), parts)
    }

    /// The code under the key that Standard Webhooks makes of `secret`: the bytes that stand in
    /// base64 after `whsec_`. `None` for a secret of another form.
    pub(crate) fn standard(secret: &Secret, parts: &[&[u8]]) -> Option<Self> {
        let encoded = secret.expose().strip_prefix("whsec_")?;
        let key = STANDARD.decode(encoded).ok().filter(|key| !key.is_empty())?;
        Some(Self::under(&key, parts))
    }

    /// The code under these bytes, whatever they were made of.
    pub(crate) fn under(key: &[u8], parts: &[&[u8]]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        Self(mac)
    }

    /// In lower-case hex: all the verifiers that compare strings want it so
    /// (`spec/mailgun-events.md` §1.6).
    pub(crate) fn hex(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.finalize().into_bytes();
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }

    /// In padded base64.
    pub(crate) fn base64(self) -> String {
        STANDARD.encode(self.0.finalize().into_bytes())
    }

    /// Compares the code with these bytes, in constant time.
    pub(crate) fn equals(&self, tag: &Tag) -> bool {
        self.0.clone().verify_slice(&tag.0).is_ok()
    }
}

/// A code as somebody else wrote it down.
pub(crate) struct Tag([u8; 32]);

impl Tag {
    /// Reads 64 hex digits of either case: mailgun-go takes both, so some sender may write both.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Reads padded base64.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}
