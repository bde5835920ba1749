//! Checks that a delivery was signed with the account's webhook secret.
//!
//! `X-Webhook-Signature` is the hex HMAC-SHA256 of the body (docs.bland.ai/tutorials/webhook-signing). It has no
//! timestamp, so it does not protect from replay: that a delivery counts once is the attempt's task.

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-webhook-signature";

/// The largest body, in bytes, that is minified for the second look. Bland's own bodies arrive minified, so what is
/// larger and does not fit is not worth parsing for a stranger.
const REMINIFY_MAX: usize = 1 << 20;

/// Whether `signature_header` signs `body`. Compared in constant time. An empty secret signs nothing.
///
/// First over the raw bytes. Bland's sample signs `JSON.stringify` of the parsed body, so if something on the way wrote
/// the same JSON with other spacing, the minified form with its key order kept is tried, too.
pub fn verify(secret: &[u8], signature_header: &str, body: &[u8]) -> bool {
    let Ok(signature) = hex::decode(signature_header.trim()) else {
        return false;
    };
    if secret.is_empty() {
        return false;
    }
    if mac(secret, body).verify_slice(&signature).is_ok() {
        return true;
    }
    minified(body).is_some_and(|minified| mac(secret, &minified).verify_slice(&signature).is_ok())
}

/// The signature that Bland would send with `body`: for tests and for the simulated phone network.
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    hex::encode(mac(secret, body).finalize().into_bytes())
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104)")]
fn mac(secret: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
    mac.update(body);
    mac
}

fn minified(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() > REMINIFY_MAX {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut minified = Vec::with_capacity(body.len());
    let mut writer = serde_json::Serializer::with_formatter(&mut minified, AsJavaScript);
    serde::Serialize::serialize(&value, &mut writer).ok()?;
    Some(minified)
}

/// `JSON.stringify` writes 2.0 as `2`.
struct AsJavaScript;

impl serde_json::ser::Formatter for AsJavaScript {
    fn write_f64<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, value: f64) -> std::io::Result<()> {
        // Above 1e21 JavaScript changes to exponents; such a number is not in these bodies.
        if value.fract() == 0.0 && value.abs() < 1e21 {
            write!(writer, "{value:.0}")
        } else {
            write!(writer, "{value}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_verifies_and_nothing_near_it_does() {
        let vectors = include_str!("../../../../../tests/payloads/signature-vectors.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let vector = |key: &str| vectors["bland"][key].as_str().unwrap().to_owned();
        let (secret, body, signature) = (vector("secret"), vector("body"), vector("signature"));
        let (secret, body) = (secret.as_bytes(), body.as_bytes());

        assert_eq!(vector("header").to_ascii_lowercase(), SIGNATURE_HEADER);
        assert_eq!(sign(secret, body), signature);
        assert!(verify(secret, &signature, body));
        assert!(verify(secret, &signature.to_uppercase(), body));

        assert!(!verify(b"other", &signature, body));
        assert!(!verify(secret, &signature[2..], body));
        assert!(!verify(secret, "", body));
        assert!(!verify(secret, "no hex", body));
        assert!(!verify(secret, &signature, b"{}"));
        assert!(!verify(secret, &signature, b"not json"));
        assert!(!verify(b"", &sign(b"", body), body), "an empty secret signs nothing");
    }

    #[test]
    fn a_body_that_was_only_spaced_out_on_the_way_still_verifies() {
        let sent = br#"{"b":1,"a":[2,0.5,"\u00e9"]}"#;
        let signed_text = r#"{"b":1,"a":[2,0.5,"é"]}"#;
        let signature = sign(b"secret", signed_text.as_bytes());
        assert!(verify(
            b"secret",
            &signature,
            b"{ \"b\": 1.0,\n \"a\": [2, 0.5, \"\\u00e9\"] }"
        ));
        assert!(verify(b"secret", &signature, sent));
        assert!(
            !verify(b"secret", &signature, br#"{"a":[2,0.5,"\u00e9"],"b":1}"#),
            "key order is kept"
        );
    }
}
