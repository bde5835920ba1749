//! The queue engine by itself.

use chrono::TimeDelta;
use futures::FutureExt;
use redial_local::{
    queue_engine::{QueueCounts, QueueEngine},
    queue_error::QueueError,
    queue_message::NewMessage,
    virtual_clock::VirtualClock,
};

use crate::{attributes, noon, redrive, stepped};

fn engine(clock: &VirtualClock) -> QueueEngine {
    let engine = QueueEngine::in_memory(clock.clone()).unwrap();
    engine.create_queue("dial", &attributes(&[])).unwrap();
    engine
}

fn step(clock: &VirtualClock, s: i64) {
    clock.advance_to(clock.now() + TimeDelta::seconds(s));
}

fn delayed(body: &str, s: i64) -> NewMessage {
    NewMessage {
        delay_s: Some(s),
        ..NewMessage::text(body)
    }
}

#[test]
fn a_message_is_hidden_while_it_is_worked_on_and_comes_again_if_it_is_not_deleted() {
    let clock = stepped();
    let engine = engine(&clock);
    engine.send("dial", &NewMessage::text("a")).unwrap();
    let first = engine.receive("dial", 10, Some(5)).unwrap();
    assert_eq!((first.len(), first[0].receive_count), (1, 1));
    assert!(engine.receive("dial", 10, None).unwrap().is_empty());
    assert_eq!(engine.next_due().unwrap(), Some(noon() + TimeDelta::seconds(5)));
    step(&clock, 5);
    let second = engine.receive("dial", 10, None).unwrap();
    assert_eq!((second[0].receive_count, second[0].first_received_at), (2, noon()));
    assert_eq!(second[0].message_id, first[0].message_id);
    engine.delete("dial", &second[0].receipt_handle).unwrap();
    step(&clock, 3_600);
    assert!(engine.receive("dial", 10, None).unwrap().is_empty());
}

#[test]
fn a_stale_handle_deletes_nothing_and_is_no_error() {
    let clock = stepped();
    let engine = engine(&clock);
    engine.send("dial", &NewMessage::text("a")).unwrap();
    let stale = engine.receive("dial", 1, Some(1)).unwrap().remove(0).receipt_handle;
    step(&clock, 1);
    let fresh = engine.receive("dial", 1, Some(1)).unwrap().remove(0).receipt_handle;
    engine.delete("dial", &stale).unwrap();
    assert_eq!(engine.counts("dial").unwrap().not_visible, 1);
    assert!(matches!(
        engine.change_visibility("dial", &stale, 9),
        Err(QueueError::InvalidParameter { .. })
    ));
    engine.delete("dial", &fresh).unwrap();
    engine.delete("dial", &fresh).unwrap();
    assert_eq!(engine.counts("dial").unwrap(), QueueCounts::default());
    assert!(matches!(
        engine.delete("dial", "nonsense"),
        Err(QueueError::ReceiptHandleInvalid)
    ));
}

#[test]
fn a_delayed_message_appears_to_the_second_and_901_seconds_are_refused() {
    let clock = stepped();
    let engine = engine(&clock);
    engine.send("dial", &delayed("a", 900)).unwrap();
    assert!(matches!(
        engine.send("dial", &delayed("b", 901)),
        Err(QueueError::InvalidParameter { .. })
    ));
    assert_eq!(
        engine.counts("dial").unwrap(),
        QueueCounts {
            delayed: 1,
            ..QueueCounts::default()
        }
    );
    step(&clock, 899);
    assert!(engine.receive("dial", 1, None).unwrap().is_empty());
    step(&clock, 1);
    assert_eq!(engine.visible_count("dial").unwrap(), 1);
    assert_eq!(engine.receive("dial", 1, None).unwrap()[0].sent_at, noon());
}

#[test]
fn visibility_can_be_changed_only_in_flight_and_within_twelve_hours() {
    let clock = stepped();
    let engine = engine(&clock);
    engine.send("dial", &NewMessage::text("a")).unwrap();
    let handle = engine.receive("dial", 1, None).unwrap().remove(0).receipt_handle;
    assert!(engine.change_visibility("dial", &handle, 43_201).is_err());
    engine.change_visibility("dial", &handle, 43_200).unwrap();
    step(&clock, 10);
    assert!(engine.change_visibility("dial", &handle, 43_200).is_err());
    engine.change_visibility("dial", &handle, 0).unwrap();
    assert!(matches!(
        engine.change_visibility("dial", &handle, 1),
        Err(QueueError::NotInFlight)
    ));
    assert_eq!(engine.visible_count("dial").unwrap(), 1);
}

#[test]
fn a_message_received_too_often_moves_to_the_dead_letter_queue_and_stays_itself() {
    let clock = stepped();
    let engine = engine(&clock);
    let missing = attributes(&[("RedrivePolicy", &redrive("dial-dlq", "2"))]);
    assert!(engine.set_attributes("dial", &missing).is_err());
    engine.create_queue("dial-dlq", &attributes(&[])).unwrap();
    engine
        .set_attributes("dial", &attributes(&[("RedrivePolicy", &redrive("dial-dlq", "\"2\""))]))
        .unwrap();
    let sent = engine.send("dial", &NewMessage::text("a")).unwrap();
    for _ in 0..2 {
        assert_eq!(engine.receive("dial", 10, Some(1)).unwrap().len(), 1);
        step(&clock, 1);
    }
    assert!(engine.receive("dial", 10, Some(1)).unwrap().is_empty());
    assert_eq!(engine.visible_count("dial").unwrap(), 0);
    let dead = engine.receive("dial-dlq", 10, None).unwrap().remove(0);
    assert_eq!(dead.message_id, sent.message_id);
    assert_eq!((dead.sent_at, dead.receive_count), (noon(), 3));
    assert!(dead.dead_letter_source.unwrap().ends_with(":dial"));
}

#[test]
fn exhausted_messages_do_not_stand_in_the_way_of_good_ones() {
    let clock = stepped();
    let engine = engine(&clock);
    engine.create_queue("dlq", &attributes(&[])).unwrap();
    engine
        .set_attributes("dial", &attributes(&[("RedrivePolicy", &redrive("dlq", "1"))]))
        .unwrap();
    for n in 0..25 {
        engine.send("dial", &NewMessage::text(format!("{n}"))).unwrap();
    }
    for given in [10, 10, 5] {
        assert_eq!(engine.receive("dial", 10, Some(1)).unwrap().len(), given);
    }
    engine
        .send(
            "dial",
            &NewMessage {
                delay_s: Some(1),
                ..NewMessage::text("good")
            },
        )
        .unwrap();
    step(&clock, 1);
    let received = engine.receive("dial", 10, None).unwrap();
    assert_eq!(received.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(engine.visible_count("dlq").unwrap(), 25);
}

#[test]
fn messages_past_their_retention_are_gone() {
    let clock = stepped();
    let engine = engine(&clock);
    engine
        .set_attributes("dial", &attributes(&[("MessageRetentionPeriod", "60")]))
        .unwrap();
    engine.send("dial", &NewMessage::text("a")).unwrap();
    step(&clock, 59);
    assert_eq!(engine.visible_count("dial").unwrap(), 1);
    step(&clock, 1);
    assert_eq!(engine.counts("dial").unwrap(), QueueCounts::default());
    assert!(engine.receive("dial", 1, None).unwrap().is_empty());
}

#[test]
fn a_batch_fares_message_by_message_and_a_mebibyte_is_the_limit_of_all() {
    let engine = engine(&stepped());
    let results = engine
        .send_batch(
            "dial",
            &[NewMessage::text("a"), delayed("b", 901), NewMessage::text("c")],
        )
        .unwrap();
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
    assert!(engine.send("dial", &NewMessage::text("x".repeat(1_048_576))).is_ok());
    assert!(engine.send("dial", &NewMessage::text("x".repeat(1_048_577))).is_err());
    let half = NewMessage::text("x".repeat(524_288));
    assert!(engine.send_batch("dial", &[half.clone(), half.clone()]).is_ok());
    assert!(matches!(
        engine.send_batch("dial", &[half.clone(), half, NewMessage::text("x")]),
        Err(QueueError::BatchTooLong)
    ));
    assert!(matches!(
        engine.send_batch("dial", &vec![NewMessage::text("x"); 11]),
        Err(QueueError::TooManyEntries)
    ));
}

#[test]
fn creating_a_queue_again_is_fine_unless_it_differs() {
    let engine = engine(&stepped());
    engine
        .create_queue("dial", &attributes(&[("VisibilityTimeout", "30")]))
        .unwrap();
    let differs = engine.create_queue("dial", &attributes(&[("VisibilityTimeout", "31")]));
    assert!(matches!(differs, Err(QueueError::Exists { .. })));
    let shown = engine.attributes("dial").unwrap();
    assert_eq!(
        (
            shown["VisibilityTimeout"].as_str(),
            shown["ApproximateNumberOfMessages"].as_str()
        ),
        ("30", "0")
    );
    engine.delete_queue("dial").unwrap();
    assert!(matches!(
        engine.send("dial", &NewMessage::text("a")),
        Err(QueueError::NoSuchQueue(_))
    ));
}

#[test]
fn what_was_answered_as_sent_is_there_after_the_process_is_killed() {
    let folder = std::env::temp_dir().join(format!("redial-queues-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("queues.sqlite");
    let clock = stepped();
    let engine = QueueEngine::open(&file, clock.clone()).unwrap();
    engine
        .create_queue("dial", &attributes(&[("DelaySeconds", "5")]))
        .unwrap();
    let sent = engine.send("dial", &NewMessage::text("a")).unwrap();
    // Forgotten, never closed: nothing is flushed at the end, as with `kill -9`.
    std::mem::forget(engine);
    let engine = QueueEngine::open(&file, clock.clone()).unwrap();
    step(&clock, 5);
    assert_eq!(engine.receive("dial", 1, None).unwrap()[0].message_id, sent.message_id);
    let next = engine.send("dial", &NewMessage::text("b")).unwrap();
    assert_ne!(next.message_id, sent.message_id);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_long_poll_wakes_at_a_send_and_at_a_jump_of_the_clock() {
    let clock = stepped();
    let engine = engine(&clock);
    let mut poll = Box::pin(engine.receive_waiting("dial", 1, None, Some(20)));
    assert!(poll.as_mut().now_or_never().is_none());
    engine.send("dial", &delayed("a", 10)).unwrap();
    assert!(poll.as_mut().now_or_never().is_none());
    step(&clock, 10);
    assert_eq!(poll.await.unwrap()[0].body, "a");
    let mut poll = Box::pin(engine.receive_waiting("dial", 1, None, Some(20)));
    assert!(poll.as_mut().now_or_never().is_none());
    step(&clock, 20);
    assert!(poll.await.unwrap().is_empty());
    assert!(engine.receive_waiting("dial", 1, None, Some(21)).await.is_err());
}
