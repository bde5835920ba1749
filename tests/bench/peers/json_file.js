// A month of leads in one JSON file, as orchestrators of one process keep them: a map in memory, and every change writes
// the whole file beside the old one and renames it.
import fs from "node:fs";
import path from "node:path";
import { leadOf, NEXT_IN_MS, outcomeOf, perSecond, phoneOf, report, words } from "./figure.js";

const { folder, records: wanted, times, window_ms: windowMs } = words();
/** Leads that one look at the queue finds due. */
const DUE_MAX = 50;
const file = path.join(folder, "redial-queue_2026-11.json");
let records = new Map();

const load = () => {
  records = new Map(Object.entries(JSON.parse(fs.readFileSync(file, "utf8"))));
};

const save = () => {
  fs.writeFileSync(`${file}.tmp`, JSON.stringify(Object.fromEntries(records), null, 2));
  fs.renameSync(`${file}.tmp`, file);
};

const fill = (count) => {
  const now = Date.now();
  for (let n = 0; n < count; n += 1) {
    const phone = phoneOf(n);
    records.set(phone.slice(1), {
      ...leadOf(n),
      phone_number: phone,
      attempts: 2,
      last_call_timestamp: now - NEXT_IN_MS,
      next_redial_timestamp: now,
      outcomes: ["VOICEMAIL", "NO_ANSWER"],
      last_outcome: "NO_ANSWER",
      last_call_id: `call-${n}-2`,
      created_at: now - 2 * NEXT_IN_MS,
      updated_at: now,
      status: "pending",
    });
  }
  save();
};

/** Reads the file again and filters it, as each run of the processor does. */
const look = () => {
  load();
  const now = Date.now();
  return [...records.values()].filter((lead) => lead.status === "pending" && lead.next_redial_timestamp <= now);
};

const end = (phone, callId, outcome) => {
  const lead = records.get(phone.slice(1));
  if (lead.last_call_id === callId) {
    return;
  }
  const now = Date.now();
  lead.attempts += 1;
  lead.last_call_timestamp = now;
  lead.last_outcome = outcome;
  lead.outcomes.push(outcome);
  lead.last_call_id = callId;
  lead.updated_at = now;
  lead.next_redial_timestamp = now + NEXT_IN_MS;
  save();
};

fill(Number(wanted));
// The first look is not timed: a short window would be charged for a whole run of the processor.
let due = look().slice(0, DUE_MAX);
let calls = 0;
const values = await perSecond(Number(times), Number(windowMs), async () => {
  if (due.length === 0) {
    due = look().slice(0, DUE_MAX);
  }
  const lead = due.pop();
  if (!lead) {
    return 0;
  }
  calls += 1;
  end(lead.phone_number, `call-${calls}-3`, outcomeOf(calls));
  return 1;
});
report(`one JSON file of ${wanted} leads`, "cycles_per_s", values);
