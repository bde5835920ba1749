//! What a lead's history says about what reconcile did, in plain words.
//!
//! Each thing is told once for each attempt, however often it is looked at, so that no history grows for ever. No
//! sentence has a phone number or a name in it.

use redial_aws::App;
use redial_aws::leads::Activity;
use redial_aws::ledgers::Noted;
use redial_domain::{Actor, InFlight};

use crate::questions::{AskError, Doubt};
use crate::verdict::{Cause, EMPTY_LOOKS_APART, STOPPED_FOR};

/// That the provider did not answer.
pub(crate) const PROVIDER_SILENT: &str = "provider_silent";

/// What is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum News {
    Found,
    Over,
    GoesOn,
    UnknownOnce,
    Lost(Cause),
    Stopped(Cause),
    NotStopped(Cause),
    Unclear(Doubt),
    Silent(AskError),
}

/// Adds what was not told yet.
pub(crate) fn tell(app: &App, inflight: &InFlight, news: News, noted: &mut Noted) {
    let what = news.what();
    noted.told.extend(inflight.told.iter().cloned());
    if noted.told.insert(what.to_owned()) {
        let activity = Activity::now(app, &Actor::system(), what, Some(news.why(inflight)));
        noted.activities.push(activity.about(&inflight.lead));
    }
}

impl News {
    const fn what(self) -> &'static str {
        match self {
            Self::Found => "call_found",
            Self::Over => "call_over",
            Self::GoesOn => "call_goes_on",
            Self::UnknownOnce => "call_unknown",
            Self::Lost(_) => "call_lost",
            Self::Stopped(Cause::Closing) => "call_stopped_at_closing",
            Self::Stopped(_) => "call_stopped",
            Self::NotStopped(_) => "call_not_stopped",
            Self::Unclear(_) => "call_unclear",
            Self::Silent(_) => PROVIDER_SILENT,
        }
    }

    fn why(self, inflight: &InFlight) -> String {
        match self {
            Self::Found => {
                "The provider's answer was lost when this call was placed. Asked about the number, it has the call.".into()
            }
            Self::Over => "No report came. The provider, when asked, said that the call is over.".into(),
            Self::GoesOn => {
                "No report came. The provider, when asked, said that the call goes on. It is asked again; until then the phone is not called.".into()
            }
            Self::UnknownOnce => format!(
                "The provider, when asked, knew no such call. It is asked again after {} minutes; until then the phone is not called.",
                EMPTY_LOOKS_APART.num_minutes()
            ),
            Self::Lost(Cause::Unknown) => format!(
                "The provider knew no such call, asked twice, at least {} minutes apart. It counts as a call, and the lead goes on.",
                EMPTY_LOOKS_APART.num_minutes()
            ),
            Self::Lost(Cause::Closing | Cause::TooLong) => format!(
                "{} minutes after it was told to stop the call the provider still said that it goes on, and it cannot. It counts as a call, and the lead goes on.",
                STOPPED_FOR.num_minutes()
            ),
            Self::Stopped(cause) => format!("{} The provider stopped it.", must_end(cause, inflight)),
            Self::NotStopped(cause) => format!(
                "{} The provider was told to stop it and did not say that it will. It is told again.",
                must_end(cause, inflight)
            ),
            Self::Unclear(doubt) => format!(
                "The provider has calls to this phone, and nobody can tell whether one of them is this one: {}. It is asked again; until then the phone is not called.",
                match doubt {
                    Doubt::NotAllAsked => "there are too many to ask about each",
                    Doubt::WithoutId => "one goes on and carries no id of ours",
                    Doubt::ListedOnly => "one is listed, and its details are not known",
                }
            ),
            Self::Silent(error) => format!(
                "The provider does not say what became of the call; until it does, the phone is not called ({error})."
            ),
        }
    }
}

fn must_end(cause: Cause, inflight: &InFlight) -> String {
    match (cause, inflight.max_duration_min) {
        (Cause::Closing, _) => {
            "The provider had accepted the call and not begun it when the calling hours ended.".to_owned()
        }
        (_, Some(longest)) => format!("The call went on for longer than the {longest} minutes that it may last."),
        (_, None) => "The call went on for longer than it may last.".to_owned(),
    }
}
