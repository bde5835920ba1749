//! The network's webhooks: signed, sent again when they are not taken, and lost, late, doubled or bare as the faults say.

use std::sync::Arc;
use std::time::Duration;

use redial_local::phone_deliveries::sign;
use serde_json::{Value, json};

use crate::instances;
use crate::phones::{Delivered, Placed, SECRET};
use crate::world::World;

/// Pauses between tries of a webhook that was not taken, in seconds.
const RETRY_AFTER_S: [u64; 4] = [5, 30, 120, 600];

/// Sends one report, or does not.
pub(crate) async fn report(world: &Arc<World>, placed: &Placed, number: u8) {
    let faults = world.faults();
    let dice = &world.dice.phones;
    let payload = if number == 1 {
        Some(placed.told().details(world.now()))
    } else {
        placed.call.second_delivery()
    };
    let Some(mut payload) = payload else { return };
    if dice.happens(faults.webhook_lost) {
        world.note(&format!("{} webhook {number} lost", placed.call.phone));
        return;
    }
    if dice.happens(faults.webhook_bare) {
        payload["metadata"] = Value::Null;
    }
    if dice.happens(faults.webhook_late) {
        tokio::time::sleep(Duration::from_secs(dice.between(60, 1_200))).await;
    }
    let body = payload.to_string();
    if dice.happens(faults.forged) {
        let status = post(world, &body.replace("completed", "canceled"), "0000").await;
        if status != 401 {
            let what = format!("a forged webhook was answered {status}");
            world.judge.found("signature", world.now(), what, &placed.call.phone);
        }
    }
    let twice = dice.happens(faults.webhook_twice).then(|| dice.between(0, 600));
    deliver(world, placed, &body).await;
    if let Some(after_s) = twice {
        tokio::time::sleep(Duration::from_secs(after_s)).await;
        deliver(world, placed, &body).await;
    }
}

/// Posts until it is taken or given up.
async fn deliver(world: &Arc<World>, placed: &Placed, body: &str) {
    for pause_s in RETRY_AFTER_S.into_iter().map(Some).chain([None]) {
        let status = post(world, body, &sign(SECRET, body.as_bytes())).await;
        world.note(&format!("{} webhook answered {status}", placed.call.phone));
        if status == 200 {
            let delivered = Delivered {
                call_id: placed.call.call_id.clone(),
                phone: placed.call.phone.clone(),
                attempt: placed.attempt.clone(),
                body: body.to_owned(),
            };
            world.phones.was_delivered(delivered);
            return;
        }
        if let Some(pause_s) = pause_s {
            tokio::time::sleep(Duration::from_secs(pause_s)).await;
        }
    }
    world.note(&format!("{} webhook given up", placed.call.phone));
}

async fn post(world: &Arc<World>, body: &str, signature: &str) -> u16 {
    let event = json!({
        "version": "2.0",
        "rawPath": "/webhooks/bland",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "x-webhook-signature": signature},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/bland"}},
        "isBase64Encoded": false,
        "body": body,
    });
    let Ok(answer) = instances::run(world, "webhook", event).await else {
        return 502;
    };
    let status = answer["statusCode"].as_u64().unwrap_or(0);
    world.evidence.webhook(status);
    u16::try_from(status).unwrap_or(0)
}
