//! A delivery: verified, kept, acknowledged, in that order and nothing else.
//!
//! Data flow: raw bytes → signature, or secret in header or path → is it what this provider posts at all? → calls
//! queue → 200. Nothing is decided here, so nothing here can be slow: providers wait 10 to 20 seconds and some never
//! try again. A 2xx is only sent when the queue has the payload. Refusals are counted by reason.

use redial_aws::App;
use redial_aws::messages::{CallMessage, Report};
use redial_aws::web::{Answer, Problem, Request};
use redial_domain::{CampaignId, Permission, Region, SCHEMA_VERSION, without_numbers};
use redial_telephony::{bland, convoso};
use serde_json::json;

/// SQS takes 1 MiB; some emulators 256 KiB. Cut the same everywhere, with room for the envelope.
const PAYLOAD_BYTES_MAX: usize = 240 * 1024;

/// JSON inside JSON grows: every quote gets a backslash. A payload is cut to this so that its message still fits.
const CUT_BYTES: usize = PAYLOAD_BYTES_MAX / 2;

/// Where a CRM may carry its secret.
const SECRET_HEADER: &str = "x-webhook-secret";

#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    app: App,
    bland_secret: Option<String>,
    unsigned_allowed: bool,
}

impl Receiver {
    pub(crate) const fn new(app: App, bland_secret: Option<String>, unsigned_allowed: bool) -> Self {
        Self {
            app,
            bland_secret,
            unsigned_allowed,
        }
    }

    pub(crate) async fn receive(&self, request: &Request) -> Result<Answer, Problem> {
        self.app.metrics.count("webhook.received");
        let outcome = self.try_receive(request).await;
        match &outcome {
            Ok(_) => self.app.metrics.count("webhook.accepted"),
            Err(problem) if problem.status >= 500 => self.app.metrics.count("webhook.not_stored"),
            Err(problem) => {
                self.app.metrics.count("webhook.rejected");
                tracing::warn!(webhook.code = problem.code, "webhook refused: {}", problem.code);
            }
        }
        outcome
    }

    async fn try_receive(&self, request: &Request) -> Result<Answer, Problem> {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["webhooks", provider, rest @ ..] = path.as_slice() else {
            return Err(Problem::new(
                404,
                "not_found",
                "failed to find this address",
                "post to /webhooks/{provider}",
            ));
        };
        if request.method() != "POST" {
            return Err(Problem::new(
                405,
                "method_not_allowed",
                "failed to read the webhook: it is not a POST",
                "use POST",
            ));
        }
        request.refuse_key_in_url()?;
        let body = request.bytes()?;
        let report = match (*provider, rest) {
            ("bland", []) => self.bland(request, body)?,
            ("convoso", [] | [_]) => self.convoso(request, rest.first().copied(), body).await?,
            _ => {
                return Err(Problem::new(
                    404,
                    "unknown_provider",
                    format!(
                        "failed to find the provider `{}`",
                        provider.chars().take(32).collect::<String>()
                    ),
                    "post to /webhooks/bland or /webhooks/convoso",
                ));
            }
        };
        let message = CallMessage {
            v: SCHEMA_VERSION,
            received_at: self.app.clock.now(),
            report,
        };
        self.app.queues.report(&message).await.map_err(|error| {
            tracing::error!("webhook not stored: {error}");
            Problem::new(503, "not_stored", "failed to store the webhook", "send it again")
        })?;
        Ok(Answer::json(200, &json!({"success": true})))
    }

    fn bland(&self, request: &Request, body: Vec<u8>) -> Result<Report, Problem> {
        let header = request.header("x-webhook-signature");
        match (&self.bland_secret, header) {
            (Some(secret), Some(signature)) if bland::verify(secret.as_bytes(), signature, &body) => {}
            (None, _) if self.unsigned_allowed => {}
            (Some(_), Some(_)) => {
                return Err(unauthorized(
                    "bad_signature",
                    "the signature does not fit the body",
                    "check the webhook secret in Bland's account settings",
                ));
            }
            (Some(_), None) => {
                return Err(unauthorized(
                    "no_signature",
                    "there is no X-Webhook-Signature header",
                    "switch on webhook signing in Bland's account settings",
                ));
            }
            (None, _) => {
                return Err(unauthorized(
                    "no_secret",
                    "no webhook secret is configured",
                    "set BLAND_WEBHOOK_SECRET or BLAND_WEBHOOK_SECRET_ARN",
                ));
            }
        }
        bland::parse(&body, Region::US).map_err(|error| {
            Problem::new(
                400,
                "body_not_readable",
                error.to_string(),
                "post one Bland call object as JSON",
            )
        })?;
        let body = if body.len() > PAYLOAD_BYTES_MAX {
            bland::slim(&body, CUT_BYTES)
        } else {
            body
        };
        Ok(Report::Webhook {
            provider: "bland".to_owned(),
            content_type: None,
            campaign: None,
            body: text(body)?,
        })
    }

    async fn convoso(&self, request: &Request, path_secret: Option<&str>, body: Vec<u8>) -> Result<Report, Problem> {
        let shown = request.header(SECRET_HEADER).or(path_secret);
        match shown {
            Some(secret) => {
                let key = self
                    .app
                    .table
                    .api_key(secret, self.app.clock.now())
                    .await
                    .map_err(unavailable)?;
                let fits = key.is_some_and(|key| {
                    key.role.may(Permission::PostWebhook)
                        && key.provider.as_deref().is_none_or(|provider| provider == "convoso")
                });
                if !fits {
                    return Err(unauthorized(
                        "bad_secret",
                        "the secret is unknown or revoked",
                        "make one with `redial keys create --role webhook --provider convoso`",
                    ));
                }
            }
            None if self.unsigned_allowed && !self.has_webhook_key().await? => {}
            None => {
                return Err(unauthorized(
                    "no_secret",
                    "there is no secret",
                    "send it as X-Webhook-Secret, or as the last part of the path",
                ));
            }
        }
        let named = request
            .query()
            .get("campaign")
            .map(|raw| CampaignId::parse(raw))
            .transpose();
        let campaign = named
            .map_err(|error| {
                Problem::new(
                    400,
                    "bad_campaign",
                    error.to_string(),
                    "name a campaign as in GET /campaigns",
                )
            })?
            .unwrap_or_else(CampaignId::default_campaign);
        // The default campaign is made within the first minute of a deployment: until then the CRM has to try again.
        let not_yet = campaign == CampaignId::default_campaign();
        let Some(known) = self.app.campaign(&campaign, 0).await.map_err(unavailable)? else {
            if not_yet {
                return Err(Problem::new(
                    503,
                    "not_ready",
                    "failed to find the default campaign: it is being made",
                    "send it again in a minute",
                ));
            }
            return Err(Problem::new(
                404,
                "unknown_campaign",
                format!("failed to find the campaign `{}`", without_numbers(campaign.as_str())),
                "name a campaign as in GET /campaigns",
            ));
        };
        if body.len() > PAYLOAD_BYTES_MAX {
            return Err(Problem::new(
                413,
                "body_too_large",
                "failed to read a new lead: it is larger than 240 KiB",
                "send one lead with its fields",
            ));
        }
        let content_type = request.header("content-type").map(str::to_owned);
        convoso::parse_new_lead(content_type.as_deref(), &body, known.default_region).map_err(|error| {
            Problem::new(
                422,
                "lead_not_readable",
                error.to_string(),
                "map the CRM's field to phone_number",
            )
        })?;
        Ok(Report::Webhook {
            provider: "convoso".to_owned(),
            content_type,
            campaign: Some(campaign),
            body: text(body)?,
        })
    }
}

impl Receiver {
    /// Whether anybody made a secret for the CRM: from then on it is asked for.
    async fn has_webhook_key(&self) -> Result<bool, Problem> {
        let keys = self.app.table.api_keys().await.map_err(unavailable)?;
        Ok(keys
            .iter()
            .any(|key| key.role.may(Permission::PostWebhook) && key.revoked_at.is_none()))
    }
}

fn text(body: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(body).map_err(|_| {
        Problem::new(
            400,
            "body_not_readable",
            "failed to read the body: it is not UTF-8",
            "send UTF-8",
        )
    })
}

fn unauthorized(code: &'static str, what: &str, hint: &str) -> Problem {
    Problem::new(401, code, format!("failed to verify the webhook: {what}"), hint)
}

fn unavailable(error: redial_aws::TableError) -> Problem {
    tracing::error!("webhook not verified: {error}");
    Problem::new(503, "unavailable", "failed to verify the webhook", "send it again")
}
