// A delayed job for each lead in BullMQ: a worker takes what is due, and the outcome of a call adds the next delayed job.
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import IORedis from "ioredis";
import { leadOf, NEXT_IN_MS, outcomeOf, phoneOf, report, words } from "./figure.js";

const { socket, times, due: dueWord, waiting: waitingWord } = words();
const due = Number(dueWord);
const waiting = Number(waitingWord);
/** Jobs of one call of `addBulk`. */
const ADD_MAX = 1_000;
/** Due jobs must be done within this. */
const DONE_WITHIN_MS = 120_000;
/** The delay of jobs that are due at once. */
const DUE_IN_MS = 1;
/** What memory is told for. */
const TOLD_FOR = 100_000;
const name = "redial";
const connect = () => new IORedis({ path: socket, maxRetriesPerRequest: null });

const job = (n, attempts, delay) => ({
  name: "call",
  data: { ...leadOf(n), phone: phoneOf(n), attempts, outcomes: ["VOICEMAIL", "NO_ANSWER"], last_outcome: "NO_ANSWER" },
  opts: { delay, removeOnComplete: true, removeOnFail: true },
});

const add = async (queue, from, count, delay) => {
  for (let at = from; at < from + count; at += ADD_MAX) {
    const length = Math.min(ADD_MAX, from + count - at);
    await queue.addBulk(Array.from({ length }, (_, n) => job(at + n, 2, delay)));
  }
};

const memory = async (redis) => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))[1]);

/** What the webhook of the call does: counts the attempt and adds the next call. */
const outcome = (queue, data, n) => {
  const last = outcomeOf(n);
  const next = { ...data, attempts: data.attempts + 1, outcomes: [...data.outcomes, last], last_outcome: last };
  return queue.add("call", next, { delay: NEXT_IN_MS, removeOnComplete: true, removeOnFail: true });
};

/** Due jobs a second, from the start of the worker to the end of the last. */
const run = async (queue, concurrency) => {
  const redis = connect();
  let done = 0;
  let failed = null;
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  const worker = new Worker(name, (taken) => outcome(queue, taken.data, done), {
    connection: redis,
    concurrency,
    autorun: false,
  });
  worker.on("completed", () => {
    done += 1;
    if (done === due) {
      finish();
    }
  });
  worker.on("failed", (_, error) => {
    failed = error;
    finish();
  });
  await worker.waitUntilReady();
  const begun = performance.now();
  worker.run().catch((error) => {
    failed = error;
    finish();
  });
  const late = new AbortController();
  await Promise.race([finished, sleep(DONE_WITHIN_MS, null, { signal: late.signal }).catch(() => null)]);
  const seconds = (performance.now() - begun) / 1000;
  late.abort();
  await worker.close();
  redis.disconnect();
  if (failed || done < due) {
    throw failed ?? new Error(`only ${done} of ${due} jobs were done`);
  }
  return due / seconds;
};

const redis = connect();
const queue = new Queue(name, { connection: redis });
const empty = await memory(redis);
await add(queue, 0, waiting, NEXT_IN_MS);
const held = (((await memory(redis)) - empty) / 1_048_576) * (TOLD_FOR / waiting);
report("memory of Redis for 100,000 delayed jobs of BullMQ", "mib", [held], `used_memory after ${waiting} jobs, less before`);
let from = waiting;
for (const concurrency of [1, 8]) {
  const values = [];
  for (let time = 0; time < Number(times); time += 1) {
    await add(queue, from, due, DUE_IN_MS);
    from += due;
    values.push(await run(queue, concurrency));
  }
  report(`BullMQ on Redis, ${concurrency === 1 ? "1 job" : `${concurrency} jobs`} at once`, "cycles_per_s", values);
}
await queue.close();
redis.disconnect();
