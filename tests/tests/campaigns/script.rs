//! What a campaign says to each lead: in what the phone network received (C6).

use redial_tests::{MONDAY_NOON, TestApp};
use serde_json::{Value, json};

use crate::{called, patch, spring};

fn dana() -> Value {
    json!({"first_name": "Dana", "last_name": "Reyes", "city": "Albany", "custom": {"location": "Gurgaon", "plan": "gold"}})
}

#[tokio::test]
async fn a_script_is_filled_for_each_lead_and_sent_with_the_criteria() {
    let app = TestApp::at(MONDAY_NOON).await;
    let script = json!({
        "script_template": "Hello {name|there}, we have great 2BHK options in {location|your city} for {budget}. {{now}}",
        "qualification_criteria": "Wants to buy within three months.",
    });
    let created = spring(&app, script.clone()).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created["script_template"], script["script_template"]);
    let lead = called(&app, "+12125550142", dana()).await;
    let stranger = called(&app, "+12125550143", json!({})).await;
    let calls = app.calls().await;
    let said = |n: usize| calls[n]["task"].as_str().unwrap().to_owned();
    let criteria =
        "\n\nFind out whether the person qualifies. Qualification criteria:\nWants to buy within three months.";
    assert_eq!(
        said(0),
        format!("Hello Dana Reyes, we have great 2BHK options in Gurgaon for. {{now}}{criteria}")
    );
    assert_eq!(
        said(1),
        format!("Hello there, we have great 2BHK options in your city for. {{now}}{criteria}")
    );
    let preview = async |lead: &str| {
        app.get(&format!("/campaigns/spring/script-preview?lead_id={lead}"))
            .await
            .body
    };
    let mut known = preview(&lead).await;
    known["lead_id"] = json!("[lead]");
    insta::assert_json_snapshot!("preview", known);
    assert_eq!(
        preview(&stranger).await["missing_columns"],
        json!(["name", "location", "budget"])
    );
    // A flow wins, and gets the words along.
    let flow = json!({"voice": {"pathway_id": "flow-7"}});
    assert_eq!(patch(&app, "spring", flow).await.status, 200);
    assert_eq!(preview(&lead).await["says"], "pathway");
    called(&app, "+12125550144", dana()).await;
    let call = app.calls().await.pop().unwrap();
    assert_eq!(
        (&call["task"], &call["pathway_id"], &call["request_data"]["first_name"]),
        (&Value::Null, &json!("flow-7"), &json!("Dana"))
    );
    assert!(
        call["request_data"]["script"]
            .as_str()
            .unwrap()
            .starts_with("Hello Dana Reyes")
    );
    assert_eq!(
        call["request_data"]["qualification_criteria"],
        "Wants to buy within three months."
    );
    // Without a script the task is what it was, with the criteria, if there are some.
    let plain = json!({"script_template": null, "voice": {"task": "Ask about the quote."}});
    assert_eq!(patch(&app, "spring", plain).await["script_template"], Value::Null);
    let shown = preview(&lead).await;
    assert_eq!(
        (&shown["says"], &shown["script"]),
        (&json!("task"), &json!("Ask about the quote."))
    );
    assert_eq!(
        patch(&app, "spring", json!({"qualification_criteria": null}))
            .await
            .status,
        200
    );
    called(&app, "+12125550145", dana()).await;
    assert_eq!(app.calls().await.pop().unwrap()["task"], "Ask about the quote.");
}

#[tokio::test]
async fn a_script_that_no_lead_could_hear_is_refused_when_it_is_saved() {
    let app = TestApp::at(MONDAY_NOON).await;
    for (body, part) in [
        (
            json!({"script_template": "Hello {nmae}"}),
            "no column `nmae`, did you mean `name`?",
        ),
        (
            json!({"script_template": "Hello {plan}"}),
            "name columns of your own in `script_columns`",
        ),
        (json!({"script_template": "Hello {name"}), "character 7"),
        (json!({"script_template": ""}), "`script_template`"),
        (
            json!({"qualification_criteria": "x".repeat(2_001)}),
            "`qualification_criteria`",
        ),
        (json!({"script_columns": ["a|b"]}), "`script_columns`"),
        (
            json!({"caller_ids": [{"number": "(212) 555-0100"}]}),
            "entry 1: `number`",
        ),
        (
            json!({"caller_ids": [{"number": "+12125550100", "state": "Florda"}]}),
            "entry 1: `state`",
        ),
        (
            json!({"caller_ids": [{"number": "+12125550100"}, {"number": "+12125550100"}]}),
            "entry 2 has the same number",
        ),
        (
            json!({"caller_ids": [{"number": "+12125550100", "calls_per_day_max": 0}]}),
            "`calls_per_day_max`",
        ),
    ] {
        let refused = spring(&app, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
        let text = refused.body.to_string();
        assert!(refused["message"].as_str().unwrap().contains(part), "{body}: {text}");
        assert!(!text.contains("5550100") && !text.contains("555-0100"), "{text}");
    }
    let own = json!({"script_template": "Your plan {plan}", "script_columns": ["plan"]});
    assert_eq!(spring(&app, own).await.status, 201);
    called(&app, "+12125550142", dana()).await;
    assert_eq!(app.calls().await[0]["task"], "Your plan gold");
    let other = app.add_lead("+12125550143").await;
    let foreign = app
        .get(&format!("/campaigns/spring/script-preview?lead_id={other}"))
        .await;
    assert_eq!(foreign.status, 422, "{foreign:?}");
    let missing = app.get("/campaigns/spring/script-preview").await;
    assert!(missing["message"].as_str().unwrap().contains("lead_id"), "{missing:?}");
}
