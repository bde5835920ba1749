//! What goes on while the machine is killed: leads by API and CRM, webhooks of all kinds, leads taken out.
//!
//! An errand that got no answer is done again until it gets one, as providers and CRMs do. What was answered is noted,
//! and has to be true at the end.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    log::{self, Call, Stop, Whom},
    machine::{As, Place},
};

/// Errands on their way at the same time.
const AT_ONCE: usize = 8;
/// Area codes of the leads; each has a hundred numbers that belong to nobody.
const AREAS: [u16; 4] = [212, 312, 213, 404];

/// Something to be done until it is answered.
#[derive(Debug, Clone)]
enum Errand {
    /// A lead by the API.
    Lead { campaign: &'static str, phone: String },
    /// A lead by the CRM's webhook.
    CrmLead { phone: String },
    /// A lead called us; a stop asks not to be called.
    Inbound { call: String, phone: String, stop: bool },
    /// The report of a call that was reported before.
    Again(Call),
    /// Later news about a call that ended: not to be called.
    LateStop(Call),
    /// A call that nobody knows.
    Stranger { call: String },
    /// A lead is taken out for good.
    Remove { lead: (String, String), id: String },
}

/// What was answered, and so must be true.
#[derive(Debug, Default, Clone)]
pub(crate) struct Books {
    /// Leads by campaign and phone, with the id if an answer named it.
    pub(crate) leads: BTreeMap<(String, String), Option<String>>,
    /// Calls by leads: phone by call id.
    pub(crate) inbound: BTreeMap<String, String>,
    /// Phones that asked not to be called.
    pub(crate) stopped: BTreeSet<String>,
    /// Calls that nobody knows.
    pub(crate) strangers: BTreeSet<String>,
    /// From when on whom no call was allowed.
    pub(crate) stops: Vec<Stop>,
    /// Answers in all.
    pub(crate) answers: u32,
}

/// All errands, over all lives.
#[derive(Debug)]
pub(crate) struct Load {
    place: Arc<Place>,
    queue: Arc<Mutex<VecDeque<Errand>>>,
    books: Arc<Mutex<Books>>,
    crm_secret: String,
    /// Pairs of campaign and phone that are not leads yet.
    unborn: Vec<(&'static str, String)>,
    made: u32,
}

impl Load {
    pub(crate) fn new(place: &Arc<Place>, crm_secret: String, campaigns: [&'static str; 2]) -> Self {
        let phones = (0..100).flat_map(|n| AREAS.map(|area| format!("+1{area}55501{n:02}")));
        // Half of the phones are leads of both campaigns, one after the other.
        let of = |(n, phone): (usize, String)| {
            let both = if n % 2 == 0 { &campaigns[..] } else { &campaigns[..1] };
            both.iter()
                .map(move |campaign| (*campaign, phone.clone()))
                .collect::<Vec<_>>()
        };
        let mut unborn: Vec<_> = phones.enumerate().flat_map(of).collect();
        unborn.reverse();
        Self {
            place: Arc::clone(place),
            queue: Arc::default(),
            books: Arc::default(),
            crm_secret,
            unborn,
            made: 0,
        }
    }

    pub(crate) fn books(&self) -> Books {
        self.books.lock().unwrap().clone()
    }

    pub(crate) fn note_stop(&self, stop: Stop) {
        self.books.lock().unwrap().stops.push(stop);
    }

    /// A call is allowed again to those whom the last stop of everybody held.
    pub(crate) fn lift_stop(&self, until: i64) {
        let mut books = self.books.lock().unwrap();
        let last = books.stops.iter_mut().rev().find(|stop| stop.whom == Whom::Everybody);
        last.unwrap().until = Some(until);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().unwrap().len()
    }

    /// Whether a lead is to be taken out.
    pub(crate) fn takes_out(&self) -> bool {
        let queue = self.queue.lock().unwrap();
        queue.iter().any(|errand| matches!(errand, Errand::Remove { .. }))
    }

    /// Leads to begin with.
    pub(crate) fn add_leads(&mut self, count: usize) {
        let at = self.unborn.len().saturating_sub(count);
        let leads = self.unborn.split_off(at).into_iter().rev();
        let errands = leads.map(|(campaign, phone)| Errand::Lead { campaign, phone });
        self.queue.lock().unwrap().extend(errands);
    }

    /// The errands of one life, by the dice; `calls` are those that the network knows, `ended` those of them that are
    /// over.
    pub(crate) fn draw(&mut self, dice: &mut StdRng, count: usize, ended: &[Call]) {
        let books = self.books();
        let known: Vec<_> = books.leads.iter().collect();
        for _ in 0..count {
            self.made += 1;
            let call = format!("{:08x}-0000-4000-a000-{:012x}", dice.random::<u32>(), self.made);
            let errand = match dice.random_range(0..100) {
                0..25 => self
                    .unborn
                    .pop()
                    .map(|(campaign, phone)| Errand::Lead { campaign, phone }),
                25..35 => self.unborn.pop().map(|(campaign, phone)| match campaign {
                    "default" => Errand::CrmLead { phone },
                    _ => Errand::Lead { campaign, phone },
                }),
                // Only of calls that went this way, or the false report could be the first one.
                35..60 => ended
                    .choose(dice)
                    .filter(|call| call.outcome == "no_answer")
                    .cloned()
                    .map(Errand::Again),
                60..63 => ended.choose(dice).cloned().map(Errand::LateStop),
                63..80 => known.choose(dice).map(|((_, phone), _)| Errand::Inbound {
                    call,
                    phone: phone.clone(),
                    stop: dice.random_ratio(1, 10),
                }),
                80..97 => Some(Errand::Stranger { call }),
                _ => known.choose(dice).and_then(|(lead, id)| {
                    let (lead, id) = ((*lead).clone(), (*id).clone()?);
                    Some(Errand::Remove { lead, id })
                }),
            };
            self.queue.lock().unwrap().extend(errand);
        }
    }

    /// Does errands until the machine is dead or none is left.
    pub(crate) fn run(&self) -> Errands {
        let (answers, seen) = watch::channel(0);
        let answers = Arc::new(answers);
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let worker = Worker {
                place: Arc::clone(&self.place),
                queue: Arc::clone(&self.queue),
                books: Arc::clone(&self.books),
                crm_secret: self.crm_secret.clone(),
            };
            let answers = Arc::clone(&answers);
            tasks.spawn(async move {
                while let Some(errand) = worker.next() {
                    if !worker.run(&errand).await {
                        worker.queue.lock().unwrap().push_front(errand);
                        break;
                    }
                    answers.send_modify(|count| *count += 1);
                }
            });
        }
        drop(answers);
        Errands { tasks, seen }
    }
}

/// The errands of one life.
pub(crate) struct Errands {
    tasks: JoinSet<()>,
    seen: watch::Receiver<u32>,
}

impl Errands {
    /// Waits until this many were answered, or none is left.
    pub(crate) async fn answered(&mut self, count: u32) {
        // Fails when all workers have ended.
        let _ = self.seen.wait_for(|seen| *seen >= count).await;
    }

    /// Waits until no worker has anything to do.
    pub(crate) async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

struct Worker {
    place: Arc<Place>,
    queue: Arc<Mutex<VecDeque<Errand>>>,
    books: Arc<Mutex<Books>>,
    crm_secret: String,
}

impl Worker {
    fn next(&self) -> Option<Errand> {
        self.queue.lock().unwrap().pop_front()
    }

    /// Does an errand; whether it was answered.
    async fn run(&self, errand: &Errand) -> bool {
        let (who, method, path, body) = self.request(errand);
        let Some(answer) = self.place.ask(who, method, &path, Some(&body)).await else {
            return false;
        };
        assert!(answer.status < 300, "{errand:?}: {answer:?}");
        let stop = match errand {
            Errand::Inbound { phone, stop: true, .. } | Errand::LateStop(Call { phone, .. }) => {
                // Answered is stored, not yet applied; settled is applied.
                let settled = self.place.ask(As::Admin, "POST", "/local/settle", None).await;
                settled.map(|_| Whom::Phone(phone.clone()))
            }
            Errand::Remove {
                lead: (campaign, phone),
                ..
            } => Some(Whom::Lead(campaign.clone(), phone.clone())),
            _ => None,
        };
        let after = log::newest(&self.place.data());
        let mut books = self.books.lock().unwrap();
        books.answers += 1;
        books.stops.extend(stop.map(|whom| Stop {
            after,
            whom,
            until: None,
        }));
        match errand.clone() {
            Errand::Lead { campaign, phone } => {
                let id = answer.body["lead_id"].as_str().map(str::to_owned);
                assert!(id.is_some(), "{answer:?}");
                books.leads.insert((campaign.to_owned(), phone), id);
            }
            Errand::CrmLead { phone } => {
                books.leads.insert(("default".to_owned(), phone), None);
            }
            Errand::Inbound { call, phone, stop } => {
                if stop {
                    books.stopped.insert(phone.clone());
                }
                books.inbound.insert(call, phone);
            }
            Errand::LateStop(call) => {
                books.stopped.insert(call.phone);
            }
            Errand::Stranger { call } => {
                books.strangers.insert(call);
            }
            Errand::Again(_) | Errand::Remove { .. } => {}
        }
        true
    }

    fn request(&self, errand: &Errand) -> (As, &'static str, String, Value) {
        let bland = "/webhooks/bland".to_owned();
        match errand {
            Errand::Lead { campaign, phone } => {
                let body = json!({"phone": phone, "campaign_id": campaign, "first_name": "Vasa"});
                (As::Admin, "POST", "/api/leads".to_owned(), body)
            }
            Errand::CrmLead { phone } => {
                let path = format!("/webhooks/convoso/{}", self.crm_secret);
                let body = json!({"phone_number": phone, "first_name": "Fram", "lead_id": phone});
                (As::Provider, "POST", path, body)
            }
            Errand::Inbound { call, phone, stop } => (As::Provider, "POST", bland, inbound(call, phone, *stop)),
            Errand::Again(call) => (As::Provider, "POST", bland, again(call)),
            Errand::LateStop(call) => (As::Provider, "POST", bland, late_stop(call)),
            Errand::Stranger { call } => (As::Provider, "POST", bland, stranger(call)),
            Errand::Remove { id, .. } => (
                As::Admin,
                "DELETE",
                format!("/api/admin/redial-queue/lead/{id}"),
                Value::Null,
            ),
        }
    }
}

fn inbound(call: &str, phone: &str, stop: bool) -> Value {
    json!({
        "call_id": call, "to": "+14155550100", "from": phone, "inbound": true, "status": "completed", "completed": true,
        "queue_status": "complete", "answered_by": "human", "call_length": 0.5, "corrected_duration": "30",
        "disposition_tag": if stop { "DO_NOT_CALL" } else { "NO_RESULT" },
    })
}

fn again(call: &Call) -> Value {
    json!({
        "call_id": call.id, "to": call.phone, "inbound": false, "status": "no-answer", "completed": true,
        "queue_status": "complete", "answered_by": "no-answer", "call_length": 0, "corrected_duration": "0",
        "metadata": {"attempt_id": call.attempt, "campaign_id": call.campaign},
    })
}

fn late_stop(call: &Call) -> Value {
    json!({
        "call_id": call.id, "event_type": "citations", "citations": [],
        "corrected_transcript": [
            {"speaker_label": "user", "text": "Please stop calling me, take me off your list.", "start": 1.0, "end": 4.0},
        ],
    })
}

fn stranger(call: &str) -> Value {
    json!({
        "call_id": call, "to": "+16175550199", "inbound": false, "status": "no-answer", "completed": true,
        "queue_status": "complete", "answered_by": "no-answer", "call_length": 0,
    })
}
