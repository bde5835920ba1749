//! Moves a lead on that was claimed and may not be called now, so that the tick does not claim it again at once.

use chrono::{DateTime, Utc};
use redial_aws::App;
use redial_aws::table::TableError;
use redial_domain::{CALLER_IDS_REST, Gate, Lead, LeadState, WaitReason};

/// Moves a lead that the gate refused since it was claimed. Switches, closings and the account are for all leads alike:
/// the tick sees them by itself.
pub(crate) async fn refused(app: &App, lead: &Lead, refused: &Gate, now: DateTime<Utc>) -> Result<(), TableError> {
    let Gate::Wait { reason, until } = refused else {
        return Ok(());
    };
    let its_own = matches!(
        reason,
        WaitReason::Banned { .. }
            | WaitReason::InFlight
            | WaitReason::Hold
            | WaitReason::LawCap { .. }
            | WaitReason::OutsideLaw { .. }
            | WaitReason::DailyCap { .. }
            | WaitReason::KeptForCallback { .. }
            | WaitReason::LedgerFull { .. }
            | WaitReason::MinimumGap { .. }
    );
    if !its_own {
        return Ok(());
    }
    let daily = matches!(reason, WaitReason::DailyCap { .. }) && lead.state == LeadState::Pending;
    let state = if daily { LeadState::DailyMaxReached } else { lead.state };
    moved(app, lead, reason.code(), state, *until, now).await
}

/// Moves a lead to when a number of its campaign may be shown again.
pub(crate) async fn no_number(
    app: &App,
    lead: &Lead,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), TableError> {
    moved(app, lead, CALLER_IDS_REST, lead.state, until, now).await
}

async fn moved(
    app: &App,
    lead: &Lead,
    reason: &str,
    state: LeadState,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), TableError> {
    // The queue holds whole seconds; never sooner than asked for.
    let until =
        DateTime::from_timestamp(until.timestamp() + i64::from(until.timestamp_subsec_nanos() > 0), 0).unwrap_or(until);
    let moved = Lead {
        version: lead.version + 1,
        updated_at: now,
        // Never sooner than the ladder or a promise says.
        next_at: lead.next_at.max(Some(until)),
        reason: Some(reason.to_owned()),
        state,
        ..lead.clone()
    };
    app.table.move_lead(&moved, lead.version, 0).await?;
    Ok(())
}
