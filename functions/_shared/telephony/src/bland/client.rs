//! Asks Bland to place a call, tell about one, list them, stop one.
//!
//! Never asks twice by itself, follows no redirect, and says of every wish to place a call whether it is proven that
//! none was placed. It refuses to know when to ask again and what a call costs the lead.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Once};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use redial_domain::{CallEvent, CallId, Phone, Region};
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url};
use serde_json::{Map, Value};

use super::answer::{Ambiguity, Answer, AskError, ListedCall, Page, Placed, Refusal};
use super::parse::parse;
use super::place_request::PlaceRequest;

/// The largest answer read, in bytes. Details of a call of two hours stay far below; a list page is smaller.
const ANSWER_MAX: usize = 8 << 20;
/// Rows asked for at once. One phone is called a few dozen times in the days looked back.
const LIST_ROWS: usize = 100;
/// Pages asked for at most. More means that the filter was ignored; an incomplete list proves nothing.
const LIST_PAGES_MAX: usize = 10;
/// How much Bland's clock and ours may differ when rows are compared with `since`, in seconds.
const CLOCKS_DIFFER_S: i64 = 120;

/// The account's key. Its `Debug` hides it.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// White space around it, such as a secret's last line feed, is dropped.
    pub fn new(key: &str) -> Self {
        Self(key.trim().to_owned())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// A client that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No URL, or one that would send the key in the clear.
    #[error(
        "failed to set up the Bland client: its base URL is no `https://` URL (`http://` is for this machine only)"
    )]
    BaseUrl,
    /// The key has characters that no header can carry, or is empty.
    #[error("failed to set up the Bland client: the API key is empty or has characters that no key has")]
    Key,
    /// No TLS: mostly a machine without root certificates.
    #[error("failed to set up the Bland client: no TLS; are root certificates installed?")]
    Tls,
}

/// Bland's API.
#[derive(Debug, Clone)]
pub struct BlandClient {
    carrier: Arc<dyn Carrier>,
}

/// One request to Bland.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `POST` or `GET`.
    pub method: Method,
    /// Segments behind `/v1/`.
    pub path: Vec<String>,
    /// Query parameters.
    pub query: Vec<(&'static str, String)>,
    /// The body of a request that places a call; no other has one.
    pub places: Option<Value>,
}

/// What went wrong between us and an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Proven: the request never left.
    NotConnected,
    /// No answer in time.
    TimedOut,
    /// No whole answer.
    Broken,
}

/// An exchange under way.
pub type Exchange = Pin<Box<dyn Future<Output = Result<Answer, Lost>> + Send>>;

/// Carries a request to Bland and its answer back: over HTTP, or to a network that a simulation makes up.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Carries one request, once.
    fn carry(&self, request: Request) -> Exchange;
}

/// HTTP.
struct Http {
    base: Url,
    /// One new connection per call placed: see [`BlandClient::new`].
    placing: Client,
    /// Keeps connections.
    asking: Client,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Carrier for Http {
    fn carry(&self, request: Request) -> Exchange {
        let client = if request.places.is_some() {
            &self.placing
        } else {
            &self.asking
        };
        let mut sent = client.request(request.method.clone(), self.url(&request));
        if let Some(body) = &request.places {
            sent = sent.json(body);
        }
        Box::pin(async move { read(sent.send().await).await })
    }
}

impl Http {
    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }
}

impl BlandClient {
    /// Bland's own address.
    pub const BASE_URL: &str = "https://api.bland.ai";
    /// How long an answer may take.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// A client for the account of `api_key` at `base_url`. `timeout` is for a whole exchange, body included; connecting
    /// may take half of it, so that a connection that does not come about is known as such.
    ///
    /// Calls are placed over a connection of their own. A kept connection may be dead (a frozen Lambda's always is after
    /// a while), and then one of two things happens: the underlying client sends the request again over another one,
    /// which cannot be switched off, or the request fails half sent and the line stays locked for nothing. A new
    /// connection costs one handshake and has neither.
    ///
    /// # Errors
    /// When the address or the key cannot be one, or there is no TLS.
    pub fn new(base_url: &str, api_key: &ApiKey, timeout: Duration) -> Result<Self, ClientError> {
        static RING: Once = Once::new();
        RING.call_once(|| {
            // Err: somebody was first. Any provider will do.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let base = base_url
            .trim_end_matches('/')
            .parse::<Url>()
            .map_err(|_| ClientError::BaseUrl)?;
        let local = is_this_machine(&base);
        if !(base.scheme() == "https" || (base.scheme() == "http" && local)) || base.cannot_be_a_base() {
            return Err(ClientError::BaseUrl);
        }
        let mut key = HeaderValue::from_str(&api_key.0).map_err(|_| ClientError::Key)?;
        if key.is_empty() {
            return Err(ClientError::Key);
        }
        key.set_sensitive(true);
        let mut headers = HeaderMap::new();
        // Bland takes the bare key, without `Bearer`.
        headers.insert(AUTHORIZATION, key);
        let build = |kept_connections: usize| {
            let mut builder = Client::builder()
                .default_headers(headers.clone())
                .user_agent(concat!("redial/", env!("CARGO_PKG_VERSION")))
                .timeout(timeout)
                .connect_timeout(timeout / 2)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .pool_max_idle_per_host(kept_connections)
                // The environment is read in one place, and that is not here.
                .no_proxy();
            if base.scheme() == "http" {
                // No TLS will be spoken, so a machine without root certificates will do.
                builder = builder.tls_certs_only(std::iter::empty());
            }
            builder.build().map_err(|_| ClientError::Tls)
        };
        Ok(Self::over(Arc::new(Http {
            placing: build(0)?,
            asking: build(2)?,
            base,
        })))
    }

    /// A client over another way to carry requests.
    pub fn over(carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier }
    }

    /// `POST /v1/calls`, once.
    ///
    /// Unreachable is a proof: `is_connect()` is true only for what fails while the connection is made (name, TCP, TLS),
    /// before the request is handed to it, and this request never meets a connection that was used before.
    pub async fn place(&self, request: &PlaceRequest) -> Placed {
        let request = Request {
            method: Method::POST,
            path: vec!["calls".to_owned()],
            query: Vec::new(),
            places: Some(request.body()),
        };
        match self.carrier.carry(request).await {
            Ok(answer) => answer.placed(),
            Err(Lost::NotConnected) => Placed::Refused {
                reason: Refusal::Unreachable,
                retry_after_s: None,
                said: None,
            },
            Err(Lost::TimedOut) => Placed::Ambiguous {
                why: Ambiguity::TimedOut,
            },
            Err(Lost::Broken) => Placed::Ambiguous { why: Ambiguity::Broken },
        }
    }

    /// `GET /v1/calls/{id}`. `None`: Bland does not know it. A call that is not over is
    /// [`redial_domain::EventKind::Progress`].
    ///
    /// # Errors
    /// When Bland did not tell; nothing may be concluded then.
    pub async fn details(&self, call: &CallId) -> Result<Option<CallEvent>, AskError> {
        let answer = self.ask(Method::GET, &["calls", call.as_str()], Vec::new()).await?;
        let Some(body) = answer.found()? else { return Ok(None) };
        // We dial full numbers, so the region only matters for numbers that are not ours.
        let mut event = parse(&answer.body, Region::default()).map_err(|_| AskError::Unavailable)?;
        let about_another = event.call_id.as_ref().is_some_and(|id| id != call);
        if about_another || (is_bare(&event) && !body.contains_key("completed")) {
            return Err(AskError::Unavailable);
        }
        event.call_id = Some(call.clone());
        Ok(Some(event))
    }

    /// The calls to `phone` that Bland took at or after `since`, oldest first: `GET /v1/calls` with `to_number` and
    /// `start_date`.
    ///
    /// Bland documents the filter as a query parameter, so here, and only here, a phone number is in a URL; it is in no
    /// log and no error of ours. The list lags behind: "no call" is a finding only when it is empty twice, minutes
    /// apart. Rows have no metadata; ask for a candidate's details.
    ///
    /// # Errors
    /// When Bland did not tell, or told so much that the list would be incomplete.
    pub async fn calls_to(&self, phone: &Phone, since: DateTime<Utc>) -> Result<Vec<ListedCall>, AskError> {
        let with_plus = self.list(phone, phone.as_str(), since).await?;
        if !with_plus.is_empty() {
            return Ok(with_plus);
        }
        // Bland's own example of a row has no plus sign. Should its filter compare texts, the first list is empty
        // whatever was called, and "never called" is the one mistake that must not happen here.
        self.list(phone, phone.as_str().trim_start_matches('+'), since).await
    }

    /// `POST /v1/calls/{id}/stop`.
    ///
    /// # Errors
    /// When Bland did not say that it will.
    pub async fn stop(&self, call: &CallId) -> Result<(), AskError> {
        self.ask(Method::POST, &["calls", call.as_str(), "stop"], Vec::new())
            .await?
            .stopped()
    }

    async fn list(&self, phone: &Phone, filter: &str, since: DateTime<Utc>) -> Result<Vec<ListedCall>, AskError> {
        let since = since - TimeDelta::seconds(CLOCKS_DIFFER_S);
        // A date, in a zone that Bland does not name: one day earlier covers them all. No `end_date`, and ascending:
        // calls placed meanwhile come behind the last page and move nothing.
        let start_date = (since - TimeDelta::days(1)).format("%Y-%m-%d").to_string();
        let mut found: Vec<ListedCall> = Vec::new();
        let mut seen = HashSet::new();
        let mut rows_read = 0;
        for _ in 0..LIST_PAGES_MAX {
            // `from` and `to` are row indexes, `to` exclusive.
            let query = vec![
                ("to_number", filter.to_owned()),
                ("start_date", start_date.clone()),
                ("ascending", "true".to_owned()),
                ("sort_by", "created_at".to_owned()),
                ("from", rows_read.to_string()),
                ("to", (rows_read + LIST_ROWS).to_string()),
                ("limit", LIST_ROWS.to_string()),
            ];
            let answer = self.ask(Method::GET, &["calls"], query).await?;
            let body: Map<String, Value> = answer.found()?.ok_or(AskError::Unavailable)?;
            let page = Page::read(&body).ok_or(AskError::Unavailable)?;
            let in_page = page.rows.len();
            rows_read += in_page;
            let seen_before = seen.len();
            for row in page.rows {
                let is_old = row.created_at.is_some_and(|at| at < since);
                let Some(call_id) = row.call_id.clone().filter(|id| seen.insert(id.clone())) else {
                    continue;
                };
                if !is_old && !row.is_to_another(phone) {
                    let to = row.to.map(|_| phone.clone());
                    found.push(ListedCall {
                        call_id,
                        created_at: row.created_at,
                        to,
                    });
                }
            }
            // A short page is the last, unless the count is of all rows and says that there are more.
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
            let more_by_count = page.count.is_some_and(|count| count > rows_read as f64) && seen.len() > seen_before;
            if in_page < LIST_ROWS && !more_by_count {
                found.sort_by_key(|call| call.created_at);
                return Ok(found);
            }
        }
        Err(AskError::Unavailable)
    }

    async fn ask(&self, method: Method, path: &[&str], query: Vec<(&'static str, String)>) -> Result<Answer, AskError> {
        let request = Request {
            method,
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            query,
            places: None,
        };
        self.carrier.carry(request).await.map_err(|_| AskError::Unavailable)
    }
}

/// An answer about a call that says nothing about it.
fn is_bare(event: &CallEvent) -> bool {
    event.kind == redial_domain::EventKind::Progress && event.phone.is_none() && event.facts.created_at.is_none()
}

fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// Reads the whole answer. No error of the HTTP client goes further: its text has the URL in it.
async fn read(sent: reqwest::Result<reqwest::Response>) -> Result<Answer, Lost> {
    let lost = |error: reqwest::Error| match error {
        error if error.is_connect() => Lost::NotConnected,
        error if error.is_timeout() => Lost::TimedOut,
        _ => Lost::Broken,
    };
    let mut response = sent.map_err(lost)?;
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (status, retry_after, date) = (response.status().as_u16(), header(RETRY_AFTER), header(DATE));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_MAX {
            return Err(Lost::Broken);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        retry_after,
        date,
        body,
    })
}
