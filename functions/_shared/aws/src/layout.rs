//! The one source of truth for what is deployed: table, indexes, queues, schedules.
//!
//! `infra/template.yaml` is held against this by a test, and `redial local` creates its engines from it.

/// Partition key, sort key and time-to-live attribute of the table.
pub const PK: &str = "pk";
/// See [`PK`].
pub const SK: &str = "sk";
/// Epoch seconds after which DynamoDB may delete an item. Code treats an expired item as absent.
pub const EXPIRES_AT: &str = "expires_at";

/// A global secondary index.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its hash key.
    pub hash: &'static str,
    /// Its range key, if it has one.
    pub range: Option<&'static str>,
    /// Attributes beside the keys.
    pub includes: &'static [&'static str],
}

/// Waiting leads by owner, lane and shard, in the order of their next time; resting leads by campaign.
pub const QUEUE_INDEX: Index = Index {
    name: "queue",
    hash: "q_pk",
    range: Some("q_sk"),
    includes: &[],
};
/// Leads by list and status, in the order of their last move.
pub const BOARD_INDEX: Index = Index {
    name: "board",
    hash: "b_pk",
    range: Some("b_sk"),
    includes: &[],
};
/// Attempts by campaign and local day, with what reports need.
pub const DAY_INDEX: Index = Index {
    name: "day",
    hash: "d_pk",
    range: Some("d_sk"),
    includes: &["outcome", "disposition", "talk_s", "rule_version", "bad_ver"],
};
/// Items by a foreign id.
pub const REF_INDEX: Index = Index {
    name: "ref",
    hash: "r_pk",
    range: None,
    includes: &[],
};

/// All indexes of the table.
pub const INDEXES: [Index; 4] = [QUEUE_INDEX, BOARD_INDEX, DAY_INDEX, REF_INDEX];

/// A queue, its dead-letter queue and the function that it feeds.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Its name; the dead-letter queue is `<name>-dlq`.
    pub name: &'static str,
    /// The function behind it.
    pub function: &'static str,
    /// Longest run of that function.
    pub function_timeout_s: u32,
    /// Deliveries before a message goes to the dead-letter queue.
    pub receives_max: u32,
    /// Messages per invocation.
    pub batch_size: u32,
    /// Invocations at once.
    pub concurrency_max: u32,
}

impl Queue {
    /// AWS asks for six times the function's time-out, so that a retry never overlaps a run.
    pub const fn visibility_s(&self) -> u32 {
        self.function_timeout_s * 6
    }
}

/// What providers reported. Permanent faults are parked by code, so its dead letters are crashes only: 50 deliveries of
/// three minutes outlast an hour of throttling.
pub const CALLS_QUEUE: Queue = Queue {
    name: "calls",
    function: "outcomes",
    function_timeout_s: 30,
    receives_max: 50,
    batch_size: 10,
    concurrency_max: 50,
};
/// Claimed leads. A message is worth nothing after its claim has ended, so a few deliveries are enough.
pub const DIAL_QUEUE: Queue = Queue {
    name: "dial",
    function: "dialer",
    function_timeout_s: 30,
    receives_max: 5,
    batch_size: 10,
    concurrency_max: 20,
};
/// One message per owner and shard to look at.
pub const TICK_QUEUE: Queue = Queue {
    name: "tick",
    function: "tick",
    function_timeout_s: 30,
    receives_max: 5,
    batch_size: 1,
    concurrency_max: 10,
};

/// One message for each job that has work left. A job's steps are bounded and far shorter than the function lives; five
/// jobs at once leave the table to the calls. Half an hour lies between two deliveries of a message, so 20 are a night.
pub const JOBS_QUEUE: Queue = Queue {
    name: "jobs",
    function: "jobs",
    function_timeout_s: 300,
    receives_max: 20,
    batch_size: 1,
    concurrency_max: 5,
};

/// All queues.
pub const QUEUES: [Queue; 4] = [CALLS_QUEUE, DIAL_QUEUE, TICK_QUEUE, JOBS_QUEUE];

/// Days a message waits for a reader: the most that SQS allows.
pub const RETENTION_DAYS: u32 = 14;

/// A schedule. After an outage old runs are worth nothing: no retries, and a minute of age at most.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The function it starts.
    pub function: &'static str,
    /// Minutes between runs.
    pub every_min: u32,
}

/// Claims what is due.
pub const TICK_SCHEDULE: Schedule = Schedule {
    function: "tick",
    every_min: 1,
};
/// Asks about what is overdue.
pub const RECONCILE_SCHEDULE: Schedule = Schedule {
    function: "reconcile",
    every_min: 5,
};
/// All schedules.
pub const SCHEDULES: [Schedule; 2] = [TICK_SCHEDULE, RECONCILE_SCHEDULE];

/// Ticks older than this are not worth running: the next one sees the same leads.
pub const SCHEDULE_AGE_MAX_S: i64 = 90;

/// Functions with a URL. They check keys and signatures themselves.
pub const URL_FUNCTIONS: [&str; 2] = ["webhook", "admin"];

/// All functions.
pub const FUNCTIONS: [&str; 7] = ["webhook", "outcomes", "tick", "dialer", "reconcile", "jobs", "admin"];

/// Longest runs, in seconds, of the functions that no queue feeds.
pub const OTHER_TIMEOUTS_S: [(&str, u32); 3] = [
    // The most patient providers wait 20 s, the others 10 s; what takes longer is sent again.
    ("webhook", 10),
    // 400 questions to a provider at 5 a second are 80 s, and the table is read beside.
    ("reconcile", 120),
    // Switching off waits up to 30 s for calls that are just being placed.
    ("admin", 60),
];
