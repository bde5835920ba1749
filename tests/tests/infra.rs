//! The AWS template against the code: what `layout` says is what is deployed, and no function may do more than it does.
//!
//! The template is read as data, not deployed.

#![allow(clippy::unwrap_used, reason = "a template that cannot be read has failed the test")]

#[path = "infra/template.rs"]
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use redial_aws::layout::{
    EXPIRES_AT, FUNCTIONS, INDEXES, OTHER_TIMEOUTS_S, PK, QUEUES, RETENTION_DAYS, SCHEDULE_AGE_MAX_S, SCHEDULES, SK,
    URL_FUNCTIONS,
};
use serde_json::{Value, json};
use template::{Template, events_of_type, list, rights, root, text};

/// What each function needs, by what its code calls. A transaction needs the rights of the writes in it.
///
/// `PutItem` of tick, reconcile and outcomes is for the first settings and the first campaign, made by whoever runs
/// first, in outcomes also for attempts and kept payloads, and in reconcile for what a lead's history is told. Indexes:
/// tick reads `queue`; reconcile reads `queue` and `day`; jobs reads `day`, `queue` and `board`; admin reads all but writes
/// none. Reconcile sends jobs whose message was
/// lost. Jobs deletes leads of an import that is undone, and writes those of one only while its job is open. Admin deletes, in batches, what is known about a person who is to be forgotten, and asks outcomes over the calls
/// queue to end a call to a phone that was marked.
const RIGHTS: [(&str, &[(&str, &str)]); 7] = [
    (
        "webhook",
        &[
            ("Table", "dynamodb:GetItem"),
            ("CallsQueue", "sqs:SendMessage"),
            ("BlandWebhookSecret", "secretsmanager:GetSecretValue"),
        ],
    ),
    (
        "outcomes",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:PutItem"),
            ("Table", "dynamodb:Query"),
            ("Table", "dynamodb:UpdateItem"),
            ("DialQueue", "sqs:SendMessage"),
            ("Bus", "events:PutEvents"),
            ("BlandApiKey", "secretsmanager:GetSecretValue"),
        ],
    ),
    (
        "tick",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:PutItem"),
            ("Table", "dynamodb:Query"),
            ("Table", "dynamodb:UpdateItem"),
            ("Table/index", "dynamodb:Query"),
            ("DialQueue", "sqs:SendMessage"),
            ("TickQueue", "sqs:SendMessage"),
        ],
    ),
    (
        "dialer",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:UpdateItem"),
            ("CallsQueue", "sqs:SendMessage"),
            ("BlandApiKey", "secretsmanager:GetSecretValue"),
        ],
    ),
    (
        "reconcile",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:PutItem"),
            ("Table", "dynamodb:Query"),
            ("Table", "dynamodb:UpdateItem"),
            ("Table/index", "dynamodb:Query"),
            ("CallsQueue", "sqs:SendMessage"),
            ("JobsQueue", "sqs:SendMessage"),
            ("Bus", "events:PutEvents"),
            ("BlandApiKey", "secretsmanager:GetSecretValue"),
        ],
    ),
    (
        "jobs",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:ConditionCheckItem"),
            ("Table", "dynamodb:DeleteItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:PutItem"),
            ("Table", "dynamodb:Query"),
            ("Table", "dynamodb:UpdateItem"),
            ("Table/index", "dynamodb:Query"),
            ("JobsQueue", "sqs:SendMessage"),
            ("Bus", "events:PutEvents"),
        ],
    ),
    (
        "admin",
        &[
            ("Table", "dynamodb:BatchGetItem"),
            ("Table", "dynamodb:BatchWriteItem"),
            ("Table", "dynamodb:GetItem"),
            ("Table", "dynamodb:PutItem"),
            ("Table", "dynamodb:Query"),
            ("Table", "dynamodb:UpdateItem"),
            ("Table/index", "dynamodb:Query"),
            ("CallsQueue", "sqs:SendMessage"),
            ("DialQueue", "sqs:SendMessage"),
            ("TickQueue", "sqs:SendMessage"),
            ("JobsQueue", "sqs:SendMessage"),
            ("Bus", "events:PutEvents"),
        ],
    ),
];

#[test]
fn the_table_has_the_keys_and_the_expiry_of_the_code() {
    let table = &Template::read().of_type("AWS::DynamoDB::Table")["Table"];
    assert_eq!(
        table["Properties"]["KeySchema"],
        json!([{"AttributeName": PK, "KeyType": "HASH"}, {"AttributeName": SK, "KeyType": "RANGE"}])
    );
    assert_eq!(
        table["Properties"]["TimeToLiveSpecification"],
        json!({"AttributeName": EXPIRES_AT, "Enabled": true})
    );
}

#[test]
fn the_table_is_on_demand_encrypted_restorable_and_outlives_the_stack() {
    let table = &Template::read().of_type("AWS::DynamoDB::Table")["Table"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    let properties = &table["Properties"];
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(
        properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    assert!(
        properties["StreamSpecification"].is_null(),
        "nobody reads a stream of the table"
    );
}

#[test]
fn the_table_has_every_index_of_the_code_and_no_other() {
    let table = &Template::read().of_type("AWS::DynamoDB::Table")["Table"]["Properties"];
    let deployed: BTreeMap<&str, &Value> = list(&table["GlobalSecondaryIndexes"])
        .map(|index| (text(&index["IndexName"]), index))
        .collect();
    let names: BTreeSet<&str> = INDEXES.iter().map(|index| index.name).collect();
    assert_eq!(deployed.keys().copied().collect::<BTreeSet<_>>(), names);
    let mut attributes: BTreeSet<&str> = [PK, SK].into();
    for index in INDEXES {
        let mut keys = vec![json!({"AttributeName": index.hash, "KeyType": "HASH"})];
        keys.extend(
            index
                .range
                .map(|range| json!({"AttributeName": range, "KeyType": "RANGE"})),
        );
        let projection = match index.includes {
            [] => json!({"ProjectionType": "KEYS_ONLY"}),
            names => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names}),
        };
        assert_eq!(deployed[index.name]["KeySchema"], json!(keys), "{}", index.name);
        assert_eq!(deployed[index.name]["Projection"], projection, "{}", index.name);
        attributes.insert(index.hash);
        attributes.extend(index.range);
    }
    let defined: BTreeSet<&str> = list(&table["AttributeDefinitions"])
        .inspect(|attribute| assert_eq!(attribute["AttributeType"], "S"))
        .map(|attribute| text(&attribute["AttributeName"]))
        .collect();
    assert_eq!(defined, attributes, "attributes of keys, and no others");
}

#[test]
fn every_queue_waits_retries_and_ends_as_the_code_says() {
    let queues = Template::read().queues();
    let expected: BTreeSet<String> = QUEUES
        .iter()
        .flat_map(|queue| [queue.name.to_owned(), format!("{}-dlq", queue.name)])
        .collect();
    assert_eq!(queues.keys().cloned().collect::<BTreeSet<_>>(), expected);
    for queue in QUEUES {
        let (_, deployed) = &queues[queue.name];
        let (dead_letters_id, dead_letters) = &queues[&format!("{}-dlq", queue.name)];
        assert_eq!(deployed["VisibilityTimeout"], queue.visibility_s(), "{}", queue.name);
        assert_eq!(
            deployed["RedrivePolicy"],
            json!({
                "deadLetterTargetArn": {"Fn::GetAtt": format!("{dead_letters_id}.Arn")},
                "maxReceiveCount": queue.receives_max,
            }),
            "{}",
            queue.name
        );
        assert!(
            dead_letters["RedrivePolicy"].is_null(),
            "dead letters of {} go nowhere else",
            queue.name
        );
        for properties in [deployed, dead_letters] {
            assert_eq!(
                properties["MessageRetentionPeriod"],
                RETENTION_DAYS * 86_400,
                "{}",
                queue.name
            );
            assert_eq!(properties["SqsManagedSseEnabled"], true, "{}", queue.name);
        }
    }
}

#[test]
fn every_queue_feeds_its_function_and_nobody_elses() {
    let template = Template::read();
    let queues = template.queues();
    let mut feeds = BTreeSet::new();
    for (function, properties) in template.functions() {
        for event in events_of_type(&properties, "SQS") {
            let (name, _) = queues
                .iter()
                .find(|(_, (id, _))| event["Queue"] == json!({"Fn::GetAtt": format!("{id}.Arn")}))
                .unwrap();
            let queue = QUEUES.into_iter().find(|queue| queue.name == name).unwrap();
            assert_eq!(event["BatchSize"], queue.batch_size, "{name}");
            assert_eq!(
                event["FunctionResponseTypes"],
                json!(["ReportBatchItemFailures"]),
                "{name}"
            );
            let concurrency = template.default_of(&event["ScalingConfig"]["MaximumConcurrency"]);
            assert_eq!(concurrency, queue.concurrency_max, "{name}");
            assert_eq!(properties["Timeout"], queue.function_timeout_s, "{name}");
            feeds.insert((queue.name, function.clone()));
        }
    }
    let expected: BTreeSet<_> = QUEUES
        .iter()
        .map(|queue| (queue.name, queue.function.to_owned()))
        .collect();
    assert_eq!(feeds, expected);
}

/// The code must take what the schedule may still send.
const _: () = assert!(SCHEDULE_AGE_MAX_S >= 60);

#[test]
fn schedules_run_as_the_code_says_and_never_pile_up() {
    let mut scheduled = BTreeSet::new();
    for (function, properties) in Template::read().functions() {
        for event in events_of_type(&properties, "ScheduleV2") {
            let none = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60});
            assert_eq!(event["RetryPolicy"], none, "retries of the schedule of {function}");
            assert_eq!(
                properties["EventInvokeConfig"], none,
                "retries of Lambda itself for {function}"
            );
            scheduled.insert((function.clone(), text(&event["ScheduleExpression"]).to_owned()));
        }
    }
    let rate = |minutes| format!("rate({minutes} minute{})", if minutes == 1 { "" } else { "s" });
    let expected: BTreeSet<_> = SCHEDULES
        .iter()
        .map(|schedule| (schedule.function.to_owned(), rate(schedule.every_min)))
        .collect();
    assert_eq!(scheduled, expected);
}

#[test]
fn every_lambda_of_the_workspace_is_deployed_exactly_once() {
    let template = Template::read();
    let deployed: Vec<String> = template.functions().into_iter().map(|(name, _)| name).collect();
    let once: BTreeSet<&str> = deployed.iter().map(String::as_str).collect();
    assert_eq!(once.len(), deployed.len(), "{deployed:?}");
    assert_eq!(once, FUNCTIONS.into(), "template and layout");
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members: BTreeSet<&str> = manifest["workspace"]["default-members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap().strip_prefix("functions/").unwrap())
        .collect();
    assert_eq!(members, FUNCTIONS.into(), "default-members and layout");
}

#[test]
fn every_function_has_its_time_its_name_and_its_log() {
    let template = Template::read();
    let logs = template.of_type("AWS::Logs::LogGroup");
    for (function, properties) in template.functions() {
        let fed = QUEUES
            .iter()
            .find(|queue| queue.function == function)
            .map(|queue| u64::from(queue.function_timeout_s));
        let alone = OTHER_TIMEOUTS_S
            .iter()
            .find(|(name, _)| *name == function)
            .map(|(_, seconds)| u64::from(*seconds));
        assert_eq!(properties["Timeout"].as_u64(), fed.or(alone), "{function}");
        assert_eq!(
            text(&properties["FunctionName"]["Fn::Sub"]),
            format!("${{AWS::StackName}}-{function}")
        );
        let log = text(&properties["LoggingConfig"]["LogGroup"]["Ref"]);
        assert!(
            !logs[log]["Properties"]["RetentionInDays"].is_null(),
            "{log} is kept for ever"
        );
    }
}

#[test]
fn only_functions_that_check_keys_and_signatures_have_a_url() {
    let open: BTreeSet<String> = Template::read()
        .functions()
        .into_iter()
        .filter(|(_, properties)| !properties["FunctionUrlConfig"].is_null())
        .inspect(|(_, properties)| assert_eq!(properties["FunctionUrlConfig"], json!({"AuthType": "NONE"})))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(open, URL_FUNCTIONS.map(str::to_owned).into());
}

#[test]
fn no_right_has_a_wildcard() {
    for (function, properties) in Template::read().functions() {
        for (resource, action) in rights(&properties) {
            assert!(!action.contains('*'), "{function}: {action}");
            assert!(!resource.contains('*'), "{function}: {action} on {resource}");
        }
        assert!(
            properties["Role"].is_null(),
            "{function} has a role of its own, made from its policies"
        );
    }
}

#[test]
fn every_function_has_the_rights_that_it_needs_and_no_more() {
    let functions: BTreeMap<_, _> = Template::read().functions().into_iter().collect();
    for (function, needed) in RIGHTS {
        let needed: BTreeSet<_> = needed
            .iter()
            .map(|(resource, action)| ((*resource).to_owned(), (*action).to_owned()))
            .collect();
        let granted = rights(&functions[function]);
        let missing: Vec<_> = needed.difference(&granted).collect();
        let unused: Vec<_> = granted.difference(&needed).collect();
        assert!(
            missing.is_empty() && unused.is_empty(),
            "{function}: missing {missing:?}, not needed {unused:?}"
        );
    }
}

#[test]
fn every_secret_that_a_function_may_read_is_named_in_its_environment() {
    for (function, properties) in Template::read().functions() {
        let variables = &properties["Environment"]["Variables"];
        let named: BTreeSet<String> = variables
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.ends_with("_ARN"))
            .map(|(_, secret)| text(&secret["Ref"]).to_owned())
            .collect();
        let readable: BTreeSet<String> = rights(&properties)
            .into_iter()
            .filter(|(_, action)| action == "secretsmanager:GetSecretValue")
            .map(|(secret, _)| secret)
            .collect();
        assert_eq!(named, readable, "{function}");
    }
}

#[test]
fn every_function_is_told_where_table_queues_and_bus_are_and_the_first_settings() {
    let template = Template::read();
    let given = &template.0["Globals"]["Function"]["Environment"]["Variables"];
    let expected = json!({
        "REDIAL_TABLE": {"Ref": "Table"},
        "REDIAL_CALLS_QUEUE_URL": {"Ref": "CallsQueue"},
        "REDIAL_DIAL_QUEUE_URL": {"Ref": "DialQueue"},
        "REDIAL_TICK_QUEUE_URL": {"Ref": "TickQueue"},
        "REDIAL_JOBS_QUEUE_URL": {"Ref": "JobsQueue"},
        "REDIAL_BUS": {"Ref": "Bus"},
        "REDIAL_QUEUE_ENABLED": {"Ref": "FirstQueueEnabled"},
        "REDIAL_PROGRESSIVE_INTERVALS": {"Ref": "FirstProgressiveIntervals"},
        "REDIAL_INTERVAL_MINUTES": {"Ref": "FirstIntervalMinutes"},
        "REDIAL_MAX_ATTEMPTS": {"Ref": "FirstMaxAttempts"},
        "REDIAL_MAX_DAILY_ATTEMPTS": {"Ref": "FirstMaxDailyAttempts"},
        "REDIAL_PROCESS_INTERVAL": {"Ref": "FirstProcessInterval"},
        "REDIAL_RETENTION_DAYS": {"Ref": "FirstRetentionDays"},
        "WEBHOOK_LOGGING_ENABLED": {"Ref": "FirstWebhookLogging"},
        "REDIAL_CONSENT_STATEMENT": {"Ref": "ConsentStatement"},
    });
    assert_eq!(given, &expected);
}

#[test]
fn a_first_setting_is_absent_unless_it_is_given() {
    let template = Template::read();
    let parameters = template.0["Parameters"].as_object().unwrap();
    for (name, parameter) in parameters.iter().filter(|(name, _)| name.starts_with("First")) {
        assert_eq!(parameter["Default"], "", "{name}");
    }
}

#[test]
fn a_message_in_a_dead_letter_queue_raises_an_alarm() {
    let template = Template::read();
    let watched: BTreeSet<String> = template
        .of_type("AWS::CloudWatch::Alarm")
        .values()
        .filter(|alarm| alarm["Properties"]["Threshold"] == 0)
        .map(|alarm| text(&alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"]).to_owned())
        .collect();
    for (name, (id, _)) in template.queues() {
        assert_eq!(
            watched.contains(&format!("{id}.QueueName")),
            name.ends_with("-dlq"),
            "{name}"
        );
    }
}

/// A wish not to be called that waits for people must not wait unseen, nor a campaign that must not call.
#[test]
fn a_do_not_call_that_is_late_or_was_not_honoured_raises_an_alarm_and_a_brake_does() {
    let alarms: BTreeSet<(String, String)> = Template::read()
        .of_type("AWS::CloudWatch::Alarm")
        .values()
        .map(|alarm| &alarm["Properties"])
        .filter(|alarm| alarm["Namespace"] == "Redial")
        .inspect(|alarm| {
            assert_eq!(
                (&alarm["Threshold"], &alarm["ComparisonOperator"]),
                (&json!(1), &json!("GreaterThanOrEqualToThreshold"))
            );
            assert_eq!(alarm["Dimensions"][0]["Name"], "function", "as the metrics are written");
        })
        .map(|alarm| {
            (
                text(&alarm["MetricName"]).to_owned(),
                text(&alarm["Dimensions"][0]["Value"]).to_owned(),
            )
        })
        .collect();
    let expected = [
        ("calls.braked", "reconcile"),
        ("dnc.honoured_late", "admin"),
        ("dnc.honoured_late", "outcomes"),
        ("dnc.not_honoured", "outcomes"),
    ];
    assert_eq!(
        alarms,
        expected.map(|(metric, of)| (metric.to_owned(), of.to_owned())).into()
    );
}
