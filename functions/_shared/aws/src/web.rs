//! HTTP answers of the functions behind a URL: JSON, and errors of one shape.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request as Lambda gives it to a function behind a URL (payload format 2.0).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Request {
    /// The path, still percent-encoded.
    pub raw_path: String,
    /// The query string, still percent-encoded. Never logged.
    pub raw_query_string: Option<String>,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body, as text or base64.
    pub body: Option<String>,
    /// Whether the body is base64.
    pub is_base64_encoded: bool,
    /// Method and caller.
    pub request_context: RequestContext,
}

/// See [`Request`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RequestContext {
    /// Method and path.
    pub http: RequestHttp,
}

/// See [`Request`].
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RequestHttp {
    /// `GET`, `POST`, …
    pub method: String,
}

/// What is wrong with a request, for the one who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    /// A problem.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// HTTP status.
    pub status_code: u16,
    /// Headers.
    pub headers: HashMap<String, String>,
    /// Body.
    pub body: String,
    /// Never; our bodies are text.
    pub is_base64_encoded: bool,
}

impl Answer {
    /// JSON with a status.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = [
            ("content-type", "application/json"),
            // Answers hold personal data: no cache may keep them.
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ];
        Self {
            status_code: status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string(),
            is_base64_encoded: false,
        }
    }

    /// Done, and nothing to say about it: 204.
    pub fn empty() -> Self {
        Self {
            status_code: 204,
            headers: HashMap::from([("cache-control".to_owned(), "no-store".to_owned())]),
            body: String::new(),
            is_base64_encoded: false,
        }
    }

    /// As Lambda wants it.
    pub fn into_value(self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!({"statusCode": 500}))
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let body = json!({"success": false, "code": problem.code, "message": problem.message, "hint": problem.hint});
        Self::json(problem.status, &body)
    }
}

/// Names under which people have put keys into URLs. URLs stand in logs, histories and proxies.
const KEYS_IN_URL: [&str; 9] = [
    "api_key",
    "apikey",
    "api-key",
    "key",
    "x-api-key",
    "token",
    "access_token",
    "secret",
    "x-webhook-secret",
];

impl Request {
    /// Refuses a request with a key in its query.
    ///
    /// # Errors
    /// When there is one: whoever sees the URL may use it.
    pub fn refuse_key_in_url(&self) -> Result<(), Problem> {
        let is_key = |name: &String| KEYS_IN_URL.contains(&name.to_ascii_lowercase().as_str());
        if !self.query().keys().any(is_key) {
            return Ok(());
        }
        Err(Problem::new(
            400,
            "key_in_url",
            "failed to read the request: there is a key in its URL, and URLs leak",
            "send the key as a header, and revoke the one that was in the URL",
        ))
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        self.raw_path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(percent_decode)
            .collect()
    }

    /// The query, decoded. A plus is a space, as forms write it.
    pub fn query(&self) -> HashMap<String, String> {
        let raw = self.raw_query_string.as_deref().unwrap_or_default();
        raw.split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| {
                (
                    percent_decode(&name.replace('+', " ")),
                    percent_decode(&value.replace('+', " ")),
                )
            })
            .collect()
    }

    /// The body as it was sent.
    ///
    /// # Errors
    /// When it says that it is base64 and is not.
    pub fn bytes(&self) -> Result<Vec<u8>, Problem> {
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_base64_encoded {
            return Ok(body.as_bytes().to_vec());
        }
        STANDARD.decode(body).map_err(|_| {
            Problem::new(
                400,
                "body_not_readable",
                "failed to read the body: it is not the base64 that it claims to be",
                "send the body as it is",
            )
        })
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }
}

/// Decodes `%41` to `A`; what is no such code stays as it is, and what is no UTF-8 becomes a replacement character.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded_once() {
        let request = Request {
            raw_path: "/api//leads/a%20b%2Fc".into(),
            raw_query_string: Some("phone=+1212&x=%2B1%zz&flag".into()),
            ..Request::default()
        };
        assert_eq!(request.segments(), ["api", "leads", "a b/c"]);
        let query = request.query();
        assert_eq!(
            (query["phone"].as_str(), query["x"].as_str(), query["flag"].as_str()),
            (" 1212", "+1%zz", "")
        );
    }
}
