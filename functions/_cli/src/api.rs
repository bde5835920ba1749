//! The way to the admin API: which one is meant, the key, and what its refusals say.

use std::{fs, path::PathBuf, time::Duration};

use redial_aws::Environment;
use redial_local::{data_dir::noted_url, options::PORT};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::failure::Failure;

/// The slowest answers are checks of large rule sets and counts of leads; the function itself ends after a minute.
const TIMEOUT: Duration = Duration::from_secs(65);

/// The environment variable with the key. A key is never an argument: those stand in histories and process lists.
const KEY: &str = "REDIAL_API_KEY";

/// Which API.
#[derive(Debug, clap::Args)]
pub(crate) struct At {
    /// Address of the API [default: of a running `redial local` in this folder]
    #[arg(long, value_name = "URL", env = "REDIAL_URL")]
    url: Option<String>,
    /// The data directory of that `redial local`; its address and key are taken from there
    #[arg(long, value_name = "DIR", default_value = ".redial")]
    data: PathBuf,
}

/// The API behind a key.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    base: Url,
    key: String,
}

impl At {
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        let kept = self.data.join("api-key");
        let from_environment = Environment::process().get(KEY);
        // A key that was made for this machine's own system goes nowhere else.
        let own = || fs::read_to_string(&kept).ok().filter(|_| self.url.is_none());
        let key = from_environment.or_else(own).map(|key| key.trim().to_owned());
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Err(Failure::new(
                format!("failed to find the API key: {KEY} is not set"),
                "set it to a key of yours, or start `redial local` in this folder",
            ));
        };
        let noted = || noted_url(&self.data, "base_url").unwrap_or_else(|| format!("http://127.0.0.1:{PORT}"));
        let address = self.url.clone().unwrap_or_else(noted);
        let bad = || {
            Failure::new(
                "failed to read the address of the API",
                "write it as in https://abc.lambda-url.us-east-1.on.aws",
            )
        };
        let base: Url = address.parse().map_err(|_| bad())?;
        let local = matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if !(base.scheme() == "https" || (base.scheme() == "http" && local)) {
            return Err(Failure::new(
                "failed to use the address of the API: the key would go over the network in the clear",
                "write it with https://",
            ));
        }
        // Err: somebody was first. Any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("redial/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if base.scheme() == "http" {
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|_| bad())?;
        Ok(Api { client, base, key })
    }
}

impl Api {
    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(reqwest::Method::GET, path, query, None).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(reqwest::Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(reqwest::Method::PUT, path, &[], Some(body)).await
    }

    /// Bytes as they are, with a header.
    pub(crate) async fn put_bytes(&self, path: &[&str], bytes: &[u8], header: (&str, &str)) -> Result<Value, Failure> {
        let request = self.request(reqwest::Method::PUT, path, &[]);
        let request = request
            .header("content-type", "application/octet-stream")
            .header(header.0, header.1);
        json(self.answer(request.body(bytes.to_vec())).await?).await
    }

    /// Text as it is, and where the next piece begins.
    pub(crate) async fn get_text(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<(String, Option<String>), Failure> {
        let answer = self.answer(self.request(reqwest::Method::GET, path, query)).await?;
        let next = answer
            .headers()
            .get("x-next-cursor")
            .and_then(|next| next.to_str().ok())
            .map(str::to_owned);
        if !answer.status().is_success() {
            return json(answer).await.map(|_| (String::new(), None));
        }
        let broken = |_| Failure::new("failed to read the answer of the API to its end", "try again").that_may_pass();
        let bytes = answer.bytes().await.map_err(broken)?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), next))
    }

    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(reqwest::Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        self.send(reqwest::Method::DELETE, path, query, None).await
    }

    pub(crate) async fn delete_with(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(reqwest::Method::DELETE, path, &[], Some(body)).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut request = self.request(method, path, query);
        if let Some(body) = body {
            request = request.json(body);
        }
        json(self.answer(request).await?).await
    }

    fn request(&self, method: reqwest::Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.request(method, url).header("x-api-key", &self.key)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let unreached = |_| {
            Failure::new(
                format!(
                    "failed to reach the API at {}",
                    self.base.origin().ascii_serialization()
                ),
                "is it running? `redial local` starts one; else give --url or REDIAL_URL",
            )
            .that_may_pass()
        };
        request.send().await.map_err(unreached)
    }
}

async fn json(answer: Response) -> Result<Value, Failure> {
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or(Value::Null);
    if status.is_success() {
        Ok(body)
    } else {
        Err(refused(status, &body))
    }
}

/// What the API said, with everything that it listed.
fn refused(status: StatusCode, body: &Value) -> Failure {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let mut what = text("message").unwrap_or_else(|| format!("failed: the API answered {status}"));
    for line in crate::rules_words::problems(body) {
        what.push_str("\n  ");
        what.push_str(&line);
    }
    let hint = text("hint").unwrap_or_else(|| "is this the address of Redial's API?".to_owned());
    let failure = Failure {
        code: text("code"),
        ..Failure::new(what, hint)
    };
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        failure.that_may_pass()
    } else {
        failure
    }
}
