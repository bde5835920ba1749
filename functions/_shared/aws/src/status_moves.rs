//! A person puts a lead at a status: may it go there, what stops with it, and what else of the phone changes.
//!
//! Data flow: lead, phone and rule set as they are → the rule set's table of moves → does calling stop there? → a
//! do-not-call is marked first, with its proof → lead, phone and history in one transaction, on condition that lead and
//! phone are as they were read → the bus. Whoever is overtaken looks again, a few times. Asked again, it finds the lead
//! where it shall be and changes nothing.
//!
//! Used where people ask for one lead, for some hundred, and by the job that moves all leads of a status.

use chrono::{DateTime, Utc};
use redial_domain::{
    Actor, Campaign, CampaignId, GateInput, Lead, LeadState, Ledger, Phone, ProofSource, Statement, StatusName,
    StopScope, SubjectStop, Switches, moved_by_person,
};
use redial_rules::RuleSet;

use crate::App;
use crate::attempts::with_promises;
use crate::bus::Happened;
use crate::do_not_call::mark;
use crate::jobs::Job;
use crate::keys;
use crate::leads::{Activity, activity_change, expiry, lead_update};
use crate::ledgers::if_unchanged;
use crate::rulebook::RuleBookError;
use crate::table::{Change, Table, TableError};

/// Rounds against others who change the lead or its phone at the same time.
const ROUNDS_MAX: usize = 6;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct StatusMove {
    /// The status to go to.
    pub to: StatusName,
    /// Why, in the words of whoever asks.
    pub why: Option<String>,
    /// A call that is promised with it.
    pub callback_at: Option<DateTime<Utc>>,
    /// Only leads that are still at this status.
    pub only_from: Option<StatusName>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum StatusMoved {
    /// The lead was moved.
    Moved(Box<MovedLead>),
    /// It is there already; nothing was changed.
    Stands(Box<MovedLead>),
    /// It was not moved.
    Refused(Refused),
}

/// A lead at the status that was asked for.
#[derive(Debug, Clone)]
pub struct MovedLead {
    /// The lead as it is now.
    pub lead: Lead,
    /// Where it was.
    pub from: StatusName,
    /// How far calling stops with it.
    pub stop: Option<StopScope>,
    /// Whether the phone was being called when calling stopped.
    pub was_called: bool,
}

/// Why a lead was not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no such lead any more.
    Gone,
    /// The rule set has no such status.
    UnknownStatus {
        /// Those that it has.
        known: Vec<StatusName>,
    },
    /// The table of moves has no such move.
    NoSuchMove {
        /// Where the lead is.
        from: StatusName,
        /// Where it may go.
        allowed: Vec<StatusName>,
    },
    /// Calling stops at the status, so no call can be promised with it.
    Stops,
    /// The lead is in a state in which nobody is promised a call.
    NoPromise(LeadState),
    /// It is at another status than those that were to be moved.
    Elsewhere,
    /// A rule failed on it; the words say which.
    RuleFailed(String),
    /// Others kept changing it.
    Contended,
    /// The job that wanted it was ended.
    JobOver,
}

/// Moves leads of one campaign.
#[derive(Debug)]
pub struct Mover<'a> {
    app: &'a App,
    campaign: &'a Campaign,
    actor: &'a Actor,
    retention_days: u32,
}

/// What a move makes of lead and phone.
struct Plan {
    lead: Lead,
    from: StatusName,
    stop: Option<StopScope>,
    /// The phone as it is after the move.
    ledger: Ledger,
}

impl<'a> Mover<'a> {
    /// Reads what all moves need.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn of(app: &'a App, campaign: &'a Campaign, actor: &'a Actor) -> Result<Self, TableError> {
        Ok(Self {
            app,
            campaign,
            actor,
            retention_days: app.table.settings().await?.unwrap_or_default().retention_days,
        })
    }

    /// Moves a lead. With a job it is counted there, in the same transaction, and only while the job is open.
    ///
    /// # Errors
    /// When the table cannot be reached; asking again goes on.
    pub async fn put(&self, phone: &Phone, asked: &StatusMove, job: Option<&Job>) -> Result<StatusMoved, TableError> {
        let table = &self.app.table;
        let mut was_called = false;
        for _ in 0..ROUNDS_MAX {
            let now = self.app.clock.now();
            let Some(lead) = table.lead(phone, &self.campaign.id, now).await? else {
                return Ok(StatusMoved::Refused(Refused::Gone));
            };
            let ledger = table.ledger(phone).await?;
            let plan = match self.plan(&lead, &ledger, asked).await? {
                Ok(plan) => plan,
                Err(refused) => return Ok(StatusMoved::Refused(refused)),
            };
            was_called |= plan.stop.is_some() && ledger.inflight.is_some();
            if plan.stop == Some(StopScope::Phone) && !ledger.is_do_not_call() {
                // First and for itself: whatever fails after it, nobody calls.
                let statement = Statement {
                    note: asked.why.clone(),
                    ..Statement::entered(ProofSource::Api, &self.actor.name, now)
                };
                let marked = mark(self.app, phone, &statement).await?;
                was_called |= marked.ledger.inflight.is_some();
                continue;
            }
            let done = |lead| {
                Box::new(MovedLead {
                    lead,
                    from: plan.from.clone(),
                    stop: plan.stop,
                    was_called,
                })
            };
            if stands(&lead, &plan) {
                return Ok(StatusMoved::Stands(done(lead)));
            }
            match self.write(&lead, &ledger, &plan, asked, job).await? {
                Written::Done(cause) => {
                    self.tell(&cause, &plan).await;
                    return Ok(StatusMoved::Moved(done(plan.lead.clone())));
                }
                Written::JobOver => return Ok(StatusMoved::Refused(Refused::JobOver)),
                Written::Overtaken => {}
            }
        }
        Ok(StatusMoved::Refused(Refused::Contended))
    }

    /// What a move would make of a lead, without making it: how far calling would stop, or why it would be refused.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn would(
        &self,
        lead: &Lead,
        ledger: &Ledger,
        asked: &StatusMove,
    ) -> Result<Result<Option<StopScope>, Refused>, TableError> {
        Ok(self.plan(lead, ledger, asked).await?.map(|plan| plan.stop))
    }

    async fn plan(
        &self,
        lead: &Lead,
        ledger: &Ledger,
        asked: &StatusMove,
    ) -> Result<Result<Plan, Refused>, TableError> {
        let (app, campaign) = (self.app, self.campaign);
        let now = app.clock.now();
        if asked.only_from.as_ref().is_some_and(|from| lead.status != *from) {
            return Ok(Err(Refused::Elsewhere));
        }
        let rules = match app
            .rules
            .for_phone(&app.table, &campaign.rule_set, &lead.phone, now)
            .await
        {
            Ok(rules) => rules,
            Err(RuleBookError::Table(error)) => return Err(error),
            Err(error) => return Ok(Err(Refused::RuleFailed(error.to_string()))),
        };
        let stop = match may_go(&rules, &lead.status, &asked.to) {
            Err(refused) => return Ok(Err(refused)),
            Ok(status) => rules.stop_at(status, lead.attempts, asked.callback_at, now),
        };
        let stop = match stop {
            Ok(stop) => stop.map(|stop| stop.scope),
            Err(error) => return Ok(Err(Refused::RuleFailed(error.to_string()))),
        };
        if asked.callback_at.is_some() {
            let promises = lead.state.waits()
                || matches!(lead.state, LeadState::Paused | LeadState::Parked | LeadState::Completed);
            if stop.is_some() {
                return Ok(Err(Refused::Stops));
            }
            if !promises {
                return Ok(Err(Refused::NoPromise(lead.state)));
            }
        }
        let law = app.law(0).await?;
        let mut after = self.stops_after(lead, ledger, &asked.to, stop, now);
        let moved = moved_by_person(
            &GateInput {
                lead,
                ledger: &after,
                campaign,
                law: &law,
                switches: Switches::ON,
                account_closed_until: None,
                now,
            },
            &asked.to,
            stop,
            asked.callback_at,
        );
        if let Some(promises) = ledger.promises_with(&moved, campaign, now) {
            after.promises = promises;
        }
        Ok(Ok(Plan {
            lead: moved,
            from: lead.status.clone(),
            stop,
            ledger: after,
        }))
    }

    /// The phone with the subjects that are closed after the move. What closed it for this lead opens it again when the
    /// lead leaves such a status; what another lead sold stays sold.
    fn stops_after(
        &self,
        lead: &Lead,
        ledger: &Ledger,
        to: &StatusName,
        stop: Option<StopScope>,
        now: DateTime<Utc>,
    ) -> Ledger {
        let mut after = ledger.clone();
        let subject = &self.campaign.subject;
        if stop == Some(StopScope::Subject) {
            after.stops.entry(subject.clone()).or_insert_with(|| SubjectStop {
                at: now,
                by: lead.id.to_string(),
            });
        } else if lead.status != *to {
            let own =
                |by: &str| by == lead.id.as_str() || lead.last_attempt.as_ref().is_some_and(|own| own.as_str() == by);
            if after.stops.get(subject).is_some_and(|stop| own(&stop.by)) {
                after.stops.remove(subject);
            }
        }
        after
    }

    async fn write(
        &self,
        lead: &Lead,
        ledger: &Ledger,
        plan: &Plan,
        asked: &StatusMove,
        job: Option<&Job>,
    ) -> Result<Written, TableError> {
        let activity = Activity {
            from: Some(plan.from.clone()),
            to: Some(asked.to.clone()),
            ..Activity::now(self.app, self.actor, "status_changed", asked.why.clone()).about(&lead.id)
        };
        let counted = job.map(|job| job.counts_lead(true, plan.from != asked.to, plan.stop.is_some(), None));
        let of_lead = (&plan.lead, lead.version);
        let of_phone = (ledger, &plan.ledger);
        let table = &self.app.table;
        let written = table
            .change_lead_and_phone(of_lead, of_phone, &activity, self.retention_days, counted)
            .await?;
        Ok(match written {
            Some(true) => Written::Done(activity.id),
            Some(false) => Written::Overtaken,
            None => Written::JobOver,
        })
    }

    async fn tell(&self, cause: &str, plan: &Plan) {
        let (lead, campaign) = (plan.lead.id.clone(), self.campaign.id.clone());
        let mut happened = Vec::new();
        if plan.from != plan.lead.status {
            happened.push(Happened::LeadStatusChanged {
                lead: lead.clone(),
                campaign: campaign.clone(),
                from: plan.from.clone(),
                to: plan.lead.status.clone(),
            });
        }
        if let Some(scope) = plan.stop {
            happened.push(Happened::LeadStopped { lead, campaign, scope });
        }
        if let Err(error) = self.app.bus.publish(cause, &happened).await {
            tracing::error!(lead.id = %plan.lead.id, "a moved lead was not published: {error}");
        }
    }
}

enum Written {
    Done(String),
    Overtaken,
    JobOver,
}

/// Whether the lead is already as the move would leave it.
fn stands(lead: &Lead, plan: &Plan) -> bool {
    lead.status == plan.lead.status
        && lead.callback_at == plan.lead.callback_at
        && (lead.next_at.is_none() || plan.stop.is_none())
        && (lead.state == plan.lead.state || lead.state.waits() == plan.lead.state.waits())
}

/// The status, if a lead may go there. One that came from another rule set starts at the default status.
fn may_go<'r>(rules: &'r RuleSet, from: &StatusName, to: &StatusName) -> Result<&'r redial_rules::Status, Refused> {
    let spec = rules.spec();
    let Some(status) = spec.status(to.as_str()) else {
        let known = spec.statuses.iter().map(|status| status.name.clone());
        return Err(Refused::UnknownStatus { known: known.collect() });
    };
    let starts = if spec.status(from.as_str()).is_some() {
        from
    } else {
        &rules.default_status().name
    };
    if from == to || spec.may_move(starts, to) {
        return Ok(status);
    }
    Err(Refused::NoSuchMove {
        from: from.clone(),
        allowed: spec.moves_from(starts).into_iter().cloned().collect(),
    })
}

impl Table {
    /// Writes a lead with its phone as both become, on condition that both are as they were read; `counted` is counted
    /// with it. `Some(false)` when somebody changed one of them, `None` when only `counted` did not hold.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn change_lead_and_phone(
        &self,
        (lead, seen_version): (&Lead, u64),
        (seen, after): (&Ledger, &Ledger),
        activity: &Activity,
        retention_days: u32,
        counted: Option<Change>,
    ) -> Result<Option<bool>, TableError> {
        let mut fence = Change::update(keys::ledger(&lead.phone), "SET #seq = :next, #sv = :sv")
            .value(":next", seen.seq + 1)
            .value(":sv", redial_domain::SCHEMA_VERSION);
        fence = if_unchanged(fence, seen);
        if after.promises != seen.promises {
            fence = with_promises(fence, &after.promises);
        }
        if after.stops != seen.stops {
            fence = if after.stops.is_empty() {
                fence.and("REMOVE #stops")
            } else {
                fence.and("SET #stops = :stops").value(":stops", &after.stops)
            };
        }
        let mut changes = vec![
            lead_update(lead, seen_version, expiry(lead, retention_days))?,
            fence,
            activity_change(&lead.phone, activity),
        ];
        let at_counted = changes.len();
        changes.extend(counted);
        match self.transact(changes).await {
            Ok(()) => Ok(Some(true)),
            Err(error) if error.condition_at(0) || error.condition_at(1) || error.is_conflict() => Ok(Some(false)),
            Err(error) if error.condition_at(at_counted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whose leads stand in a column of the board, of one part of a list: oldest move first, behind a place and not
    /// behind an instant.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn column_page(
        &self,
        column: &str,
        after: Option<&str>,
        upto: DateTime<Utc>,
        limit: i32,
    ) -> Result<(Vec<(Phone, CampaignId)>, Option<String>), TableError> {
        let from = after.map_or_else(|| "0".to_owned(), |last| format!("{last}\u{0}"));
        let upto = format!("{}~", keys::time(upto));
        if from > upto {
            return Ok((Vec::new(), None));
        }
        let query = crate::table::Query::index(crate::layout::BOARD_INDEX, column, limit)
            .range("#range BETWEEN :from AND :upto", vec![(":from", from), (":upto", upto)]);
        let page = self.query(&query, None).await?;
        let last = page.items.last().and_then(|item| crate::table::text(item, "b_sk"));
        let next = last.filter(|_| page.next.is_some()).map(str::to_owned);
        let of = page
            .items
            .iter()
            .filter_map(|item| crate::leads::phone_and_campaign(&crate::table::Key::of(item)?));
        Ok((of.collect(), next))
    }
}
