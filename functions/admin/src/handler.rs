//! Who asks, what for, and may they? One table of routes.
//!
//! Data flow: no key in the URL → X-API-Key → role → route → one file per action. Every answer is JSON; every refusal
//! has `code`, `message` and `hint`. Query strings are never logged: they may hold a phone number.

use futures::future::BoxFuture;
use lambda_runtime::Error;
use redial_aws::App;
use redial_aws::jobs::WhichLeads;
use redial_aws::setup::ensure_defaults;
use redial_aws::web::{Answer, Problem, Request};
use redial_domain::{Actor, Permission};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::OnceCell;

use crate::request::{Caller, not_found, unavailable};
use crate::{
    accounts_api, add_lead, brake, call_now, campaign_api, do_not_call, do_not_call_list, evidence, explain_campaign,
    explain_lead, forget, jobs_api, law_api, lead_callback, lead_change, lead_consent, lead_history, lead_notes,
    lead_status, lead_statuses, leads_list, queue_config, queue_lead, queue_records, queue_status, queue_switches,
    report_call, rules_again, rules_approval, rules_draft, rules_publish, rules_replay, rules_return, rules_show,
    show_lead,
};

type Answered = Result<Answer, Problem>;

/// The function.
#[derive(Debug, Clone)]
pub struct Handler {
    app: App,
    ready: Arc<OnceCell<()>>,
}

impl Handler {
    /// The function over an app.
    pub fn new(app: App) -> Self {
        Self {
            app,
            ready: Arc::default(),
        }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When the event is not a function URL's, or the first state cannot be written.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let request: Request = serde_json::from_value(event)?;
        let answer = match self.answer(&request).await {
            Ok(answer) => answer,
            Err(problem) => {
                self.app.metrics.count(if problem.status >= 500 {
                    "admin.failed"
                } else {
                    "admin.refused"
                });
                Answer::from(problem)
            }
        };
        Ok(answer.into_value())
    }

    async fn answer(&self, request: &Request) -> Result<Answer, Problem> {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        if path.as_slice() == ["healthz"] {
            return Ok(Answer::json(200, &json!({"success": true})));
        }
        let actor = self.who(request).await?;
        self.ready
            .get_or_try_init(|| ensure_defaults(&self.app))
            .await
            .map_err(|error| {
                tracing::error!("{error}");
                Problem::new(503, "not_ready", error.to_string(), "mend it and try again")
            })?;
        let caller = Caller {
            app: &self.app,
            request,
            actor,
        };
        self.route(&caller, request.method(), &path).await
    }

    async fn who(&self, request: &Request) -> Result<Actor, Problem> {
        request.refuse_key_in_url()?;
        let shown = request.header("x-api-key").ok_or_else(|| {
            Problem::new(
                401,
                "no_key",
                "failed to find an API key",
                "send it as the header X-API-Key; make one with `redial keys create`",
            )
        })?;
        match self
            .app
            .table
            .api_key(shown)
            .await
            .map_err(|error| unavailable(&error))?
        {
            Some(key) => Ok(key.actor()),
            None => Err(Problem::new(
                401,
                "bad_key",
                "failed to accept the API key: it is unknown or revoked",
                "make one with `redial keys create`",
            )),
        }
    }

    async fn route(&self, caller: &Caller<'_>, method: &str, path: &[&str]) -> Result<Answer, Problem> {
        use Permission::{
            AddLead, BanCalls, ChangeLead, ExportEvidence, GovernLaw, GovernRules, ManageCampaigns, ManageRules,
            OperateQueue, View,
        };
        use queue_switches::Switch;
        let queue = ["api", "admin", "redial-queue"];
        if let Some(rest) = path.strip_prefix(queue.as_slice()) {
            return match (method, rest) {
                ("GET", ["status"]) => queue_status::status(caller.may(View)?).await,
                ("GET", ["activities"]) => queue_switches::activities(caller.may(View)?, "all").await,
                ("GET", ["records"]) => queue_records::records(caller.may(View)?).await,
                ("GET", ["config"]) => queue_config::show(caller.may(View)?).await,
                ("PUT", ["config"]) => queue_config::change(caller.may(ManageCampaigns)?).await,
                ("POST", ["enable"]) => {
                    queue_switches::throw(caller.may(ManageCampaigns)?, Switch::Enabled, true).await
                }
                ("POST", ["disable"]) => {
                    queue_switches::throw(caller.may(ManageCampaigns)?, Switch::Enabled, false).await
                }
                ("POST", ["start"]) => queue_switches::throw(caller.may(OperateQueue)?, Switch::Running, true).await,
                ("POST", ["stop"]) => queue_switches::throw(caller.may(OperateQueue)?, Switch::Running, false).await,
                ("POST", ["process"]) => queue_switches::process(caller.may(OperateQueue)?).await,
                ("POST", ["lead", id, "pause"]) => queue_lead::pause(caller.may(ChangeLead)?, id).await,
                ("POST", ["lead", id, "resume"]) => queue_lead::resume(caller.may(ChangeLead)?, id).await,
                ("DELETE", ["lead", id]) => queue_lead::remove(caller.may(ChangeLead)?, id).await,
                _ => Err(not_found(method, path)),
            };
        }
        if let Some(rest) = path.strip_prefix(["api", "rules"].as_slice()) {
            return match (method, rest) {
                ("GET", []) => rules_show::list(caller.may(View)?).await,
                ("PUT", ["approval"]) => rules_approval::change(caller.may(GovernRules)?).await,
                ("GET", ["approval"]) => rules_approval::show(caller.may(View)?).await,
                ("GET", [set]) => rules_show::show(caller.may(View)?, set).await,
                ("GET", [set, "versions", which]) => rules_show::files(caller.may(View)?, set, which).await,
                ("GET", [set, "diff"]) => rules_show::diff(caller.may(View)?, set).await,
                ("GET", [set, "trial"]) => rules_show::trial(caller.may(View)?, set).await,
                ("GET", [set, "activities"]) => rules_show::history(caller.may(View)?, set).await,
                ("GET", [set, "draft"]) => rules_draft::show(caller.may(View)?, set).await,
                ("PUT", [set, "draft"]) => rules_draft::save(caller.may(ManageRules)?, set).await,
                ("DELETE", [set, "draft"]) => rules_draft::drop(caller.may(ManageRules)?, set).await,
                ("POST", [set, "check"]) => rules_draft::check(caller.may(ManageRules)?, set).await,
                ("POST", [set, "replay"]) => rules_replay::start(caller.may(ManageRules)?, set).await,
                ("POST", [set, "reapply"]) => {
                    rules_again::start(caller.may(ManageRules)?, set, WhichLeads::Parked).await
                }
                ("POST", [set, "replan"]) => {
                    rules_again::start(caller.may(ManageRules)?, set, WhichLeads::Waiting).await
                }
                ("POST", [set, "publish"]) => rules_publish::publish(caller.may(ManageRules)?, set).await,
                ("POST", [set, "approve"]) => rules_publish::approve(caller.may(ManageRules)?, set).await,
                ("POST", [set, "rollback"]) => rules_return::roll_back(caller.may(ManageRules)?, set).await,
                ("POST", [set, "share"]) => rules_return::share(caller.may(ManageRules)?, set).await,
                _ => Err(not_found(method, path)),
            };
        }
        if let Some(rest) = path.strip_prefix(["api", "law"].as_slice()) {
            return match (method, rest) {
                ("GET", []) => law_api::show(caller.may(View)?).await,
                ("POST", ["bans"]) => law_api::ban(caller.may(BanCalls)?).await,
                ("DELETE", ["bans", id]) => law_api::lift(caller.may(BanCalls)?, id).await,
                ("POST", ["records"]) => law_api::add(caller.may(GovernLaw)?).await,
                ("DELETE", ["records", id]) => law_api::remove(caller.may(GovernLaw)?, id).await,
                _ => Err(not_found(method, path)),
            };
        }
        if let Some(rest) = path.strip_prefix(["api", "do-not-call"].as_slice()) {
            return match (method, rest) {
                ("POST", []) => do_not_call::add(caller.may(Permission::MarkDoNotCall)?).await,
                ("POST", ["check"]) => do_not_call::check(caller.may(View)?).await,
                ("POST", ["remove"]) => do_not_call::remove(caller.may(Permission::RemoveDoNotCall)?).await,
                ("POST", ["import"]) => do_not_call_list::import(caller.may(Permission::ListDoNotCall)?).await,
                ("GET", []) => do_not_call_list::list(caller.may(Permission::ListDoNotCall)?).await,
                _ => Err(not_found(method, path)),
            };
        }
        match (method, path) {
            ("POST", ["api", "explain"]) => explain_lead::of_phone(caller.may(View)?).await,
            ("GET", ["api", "leads", id, "explain"]) => explain_lead::show(caller.may(View)?, id).await,
            ("GET", ["api", "leads", id, "evidence"]) => evidence::export(caller.may(ExportEvidence)?, id).await,
            ("PUT", ["api", "leads", id, "consent"]) => lead_consent::put(caller.may(ChangeLead)?, id).await,
            ("DELETE", ["api", "leads", id, "consent"]) => lead_consent::take_back(caller.may(ChangeLead)?, id).await,
            ("GET", ["campaigns", id, "explain"]) => explain_campaign::show(caller.may(View)?, id).await,
            ("POST", ["campaigns", id, "explain"]) => explain_campaign::start(caller.may(View)?, id).await,
            ("POST", ["api", "forget"]) => forget::forget(caller.may(Permission::ForgetPerson)?).await,
            ("GET", ["api", "lead-statuses"]) => on_heap(caller.may(View), lead_statuses::list)?.await,
            ("GET", ["api", "leads"]) => on_heap(caller.may(View), leads_list::list)?.await,
            ("POST", ["api", "leads", "search"]) => on_heap(caller.may(View), leads_list::search)?.await,
            ("POST", ["api", "leads", "status"]) => on_heap(caller.may(ChangeLead), lead_status::change_many)?.await,
            ("PATCH", ["api", "leads", id]) => {
                on_heap(caller.may(ChangeLead), |caller| lead_change::change(caller, id))?.await
            }
            ("PATCH", ["api", "leads", id, "status"]) => {
                on_heap(caller.may(ChangeLead), |caller| lead_status::change(caller, id))?.await
            }
            ("POST", ["api", "leads", id, "callback"]) => {
                on_heap(caller.may(ChangeLead), |caller| lead_callback::promise(caller, id))?.await
            }
            ("POST", ["api", "leads", id, "call"]) => {
                on_heap(caller.may(ChangeLead), |caller| call_now::call(caller, id))?.await
            }
            ("POST", ["api", "leads", id, "notes"]) => {
                on_heap(caller.may(ChangeLead), |caller| lead_notes::add(caller, id))?.await
            }
            ("GET", ["api", "leads", id, "notes"]) => {
                on_heap(caller.may(View), |caller| lead_notes::list(caller, id))?.await
            }
            ("PUT", ["api", "leads", id, "tags"]) => {
                on_heap(caller.may(ChangeLead), |caller| lead_change::tag(caller, id))?.await
            }
            ("GET", ["api", "leads", id, "history"]) => {
                on_heap(caller.may(View), |caller| lead_history::show(caller, id))?.await
            }
            ("GET", ["campaigns", id, "leads"]) => {
                on_heap(caller.may(View), |caller| leads_list::of_campaign(caller, id))?.await
            }
            ("POST", ["api", "leads"]) => add_lead::add(caller.may(AddLead)?).await,
            ("POST", ["api", "calls"]) => report_call::report(caller.may(AddLead)?).await,
            ("GET", ["api", "leads", id]) => show_lead::show(caller.may(View)?, id).await,
            ("GET", ["api", "admin", "accounts", provider]) => accounts_api::show(caller.may(View)?, provider).await,
            ("PATCH", ["api", "admin", "accounts", provider]) => {
                accounts_api::change(caller.may(ManageCampaigns)?, provider).await
            }
            ("GET", ["api", "jobs"]) => jobs_api::list(caller.may(View)?).await,
            ("GET", ["api", "jobs", id]) => jobs_api::show(caller.may(View)?, id).await,
            ("GET", ["api", "jobs", id, "results"]) => jobs_api::results(caller.may(View)?, id).await,
            ("POST", ["api", "jobs", id, "cancel"]) => jobs_api::cancel(caller.may(ManageRules)?, id).await,
            ("POST", ["campaigns"]) => campaign_api::create(caller.may(ManageCampaigns)?).await,
            ("GET", ["campaigns"]) => campaign_api::list(caller.may(View)?).await,
            ("GET", ["campaigns", id]) => campaign_api::show(caller.may(View)?, id).await,
            ("GET", ["campaigns", id, "activities"]) => {
                let campaign = caller.may(View)?.campaign(id).await?;
                queue_switches::activities(caller, campaign.id.as_str()).await
            }
            ("PATCH", ["campaigns", id]) => campaign_api::change(caller.may(ManageCampaigns)?, id).await,
            ("POST", ["campaigns", id, "start"]) => campaign_api::start(caller.may(ManageCampaigns)?, id).await,
            ("POST", ["campaigns", id, "brake", "lift"]) => brake::lift(caller.may(GovernLaw)?, id).await,
            ("POST", ["campaigns", id, "pause"]) => campaign_api::pause(caller.may(ManageCampaigns)?, id).await,
            _ => Err(not_found(method, path)),
        }
    }
}

/// A story on the heap. In a build without optimisations each story named in a function has a place of its own on the stack,
/// and all of them together are more than a thread has.
fn on_heap<'s, C, F>(may: Result<C, Problem>, story: impl FnOnce(C) -> F) -> Result<BoxFuture<'s, Answered>, Problem>
where
    F: Future<Output = Answered> + Send + 's,
{
    Ok(Box::pin(story(may?)))
}
