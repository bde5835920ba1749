//! What a person agreed to, who says so, and how old a look at the do-not-call registry is (H9).
//!
//! A lead's own record wins over what is asserted for its campaign. Who took consent back has done so for every campaign: the
//! ledger keeps when, and neither an older record nor somebody's statement about a list covers them any more.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::law::{CallingHours, ConsentNeeded, Legal, Record};
use crate::{Campaign, Lead, Ledger};

/// Longest statement about the consent of a whole list, in characters.
pub const STATEMENT_MAX: usize = 500;

/// How somebody agreed to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentKind {
    /// Prior express written consent, signed, electronically too: 47 CFR 64.1200(f)(9).
    Written,
    /// Spoken, or by giving the number. Not enough for an artificial voice that sells.
    Oral,
}

impl ConsentKind {
    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Oral => "oral",
        }
    }

    const fn is_enough(self, needed: ConsentNeeded) -> bool {
        match needed {
            ConsentNeeded::Written => matches!(self, Self::Written),
        }
    }
}

/// A lead's consent, as short as the gate needs it. Its source and proof are in the lead's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// How.
    #[serde(rename = "k")]
    pub kind: ConsentKind,
    /// When it was given.
    #[serde(rename = "at", with = "chrono::serde::ts_seconds")]
    pub given_at: DateTime<Utc>,
    /// Until when it holds, if it ends.
    #[serde(
        default,
        rename = "x",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back.
    #[serde(
        default,
        rename = "r",
        with = "chrono::serde::ts_seconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub revoked_at: Option<DateTime<Utc>>,
}

/// What a tenant says about all leads of a campaign, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentAssertion {
    /// How they agreed.
    pub kind: ConsentKind,
    /// In whose words: where and how the consent was taken.
    pub statement: String,
    /// The name of the key that said it.
    pub by: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Until when it holds, if it ends.
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<DateTime<Utc>>,
}

/// A law that asks for consent which is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoConsent<'a> {
    pub record: &'a Record,
    pub needed: ConsentNeeded,
}

/// A law that asks for a look at the registry which is not there, or too old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegistryUnchecked<'a> {
    pub record: &'a Record,
    pub days_max: u32,
}

fn covered(lead: &Lead, ledger: &Ledger, campaign: &Campaign, needed: ConsentNeeded, now: DateTime<Utc>) -> bool {
    let revoked_at = ledger.consent_revoked_at;
    match (&lead.consent, &campaign.consent) {
        (Some(own), _) => {
            own.kind.is_enough(needed)
                && own.given_at <= now
                && own.revoked_at.is_none()
                && revoked_at.is_none_or(|at| at < own.given_at)
                && own.expires_at.is_none_or(|end| now < end)
        }
        (None, Some(_)) if revoked_at.is_some() => false,
        (None, Some(said)) => said.kind.is_enough(needed) && said.expires_at.is_none_or(|end| now < end),
        (None, None) => false,
    }
}

/// The first law that asks for consent which neither the lead nor its campaign has.
pub(crate) fn consent_missing<'a>(
    hours: &CallingHours<'a>,
    lead: &Lead,
    ledger: &Ledger,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Option<NoConsent<'a>> {
    let asks = |legal: &Legal<'a>| legal.record.consent.map(|needed| (legal.record, needed));
    hours
        .in_force(now)
        .filter_map(asks)
        .find(|(_, needed)| !covered(lead, ledger, campaign, *needed, now))
        .map(|(record, needed)| NoConsent { record, needed })
}

/// The first law that asks for a newer look at the registry than the lead's and its campaign's.
pub(crate) fn registry_unchecked<'a>(
    hours: &CallingHours<'a>,
    lead: &Lead,
    ledger: &Ledger,
    campaign: &Campaign,
    now: DateTime<Utc>,
) -> Option<RegistryUnchecked<'a>> {
    let checked_at = lead.registry_checked_at.max(campaign.registry_checked_at);
    let unchecked = |record: &'a Record| {
        let days_max = record.scrub_days?;
        let fresh = checked_at.is_some_and(|at| at <= now && now - at <= TimeDelta::days(i64::from(days_max)));
        let exempt = record
            .scrub_unless
            .is_some_and(|enough| covered(lead, ledger, campaign, enough, now));
        (!fresh && !exempt).then_some(RegistryUnchecked { record, days_max })
    };
    hours.in_force(now).find_map(|legal| unchecked(legal.record))
}
