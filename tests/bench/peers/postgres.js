// Leads in PostgreSQL behind a Node application: workers claim what is due with SKIP LOCKED, and each webhook is one
// transaction that records the attempt and moves the lead's next time.
import { randomUUID } from "node:crypto";
import pg from "pg";
import { leadOf, NEXT_IN_MS, outcomeOf, perSecond, phoneOf, report, words } from "./figure.js";

const { socket, user, times, window_ms: windowMs, waiting } = words();
/** Leads in one claim: as many as ours takes with one write. */
const CLAIM_MAX = 12;
/** Leads of one statement while the table is filled. */
const FILL_MAX = 5_000;
const pool = new pg.Pool({ host: socket, user, database: "postgres", max: 8 });

const TABLES = `
  CREATE TABLE leads (
    id bigint PRIMARY KEY,
    phone text NOT NULL UNIQUE,
    person jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    attempts int NOT NULL DEFAULT 2,
    last_outcome text,
    next_at timestamptz,
    leased_until timestamptz
  );
  CREATE INDEX leads_due ON leads (next_at) WHERE state = 'waiting';
  CREATE TABLE attempts (
    id uuid PRIMARY KEY,
    lead bigint NOT NULL REFERENCES leads,
    outcome text NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    payload jsonb NOT NULL
  );
  CREATE INDEX attempts_of_lead ON attempts (lead, ended_at);`;

const CLAIM = {
  name: "claim",
  text: `UPDATE leads SET state = 'calling', leased_until = now() + interval '10 minutes'
    WHERE id IN (
      SELECT id FROM leads WHERE state = 'waiting' AND next_at <= now()
      ORDER BY next_at LIMIT ${CLAIM_MAX} FOR UPDATE SKIP LOCKED)
    RETURNING id, phone`,
};
const ATTEMPT = {
  name: "attempt",
  text: "INSERT INTO attempts (id, lead, outcome, payload) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
};
const MOVE = {
  name: "move",
  text: `UPDATE leads SET state = 'waiting', attempts = attempts + 1, last_outcome = $2, leased_until = NULL,
    next_at = now() + $3 * interval '1 millisecond' WHERE id = $1`,
};

const fill = async () => {
  await pool.query(TABLES);
  for (let from = 0; from < Number(waiting); from += FILL_MAX) {
    const numbers = Array.from({ length: FILL_MAX }, (_, n) => from + n);
    const people = numbers.map((n) => JSON.stringify(leadOf(n)));
    await pool.query(
      `INSERT INTO leads (id, phone, person, next_at)
        SELECT id, phone, person::jsonb, now() - interval '1 hour' + id * interval '1 millisecond'
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (id, phone, person)`,
      [numbers, numbers.map(phoneOf), people],
    );
  }
};

/** Makes every lead due again, and leaves no dead rows of the run before. */
const allDue = async () => {
  await pool.query("UPDATE leads SET next_at = now() - interval '1 hour' + id * interval '1 millisecond'");
  await pool.query("TRUNCATE attempts");
  await pool.query("VACUUM FULL ANALYZE");
  await pool.query("CHECKPOINT");
};

/** Whether a commit waits for the disk. Without it a commit is with the system, which outlives the server's process. */
const waitForDisk = async (wait) => {
  await pool.query(`ALTER SYSTEM SET fsync = ${wait ? "on" : "off"}`);
  await pool.query("SELECT pg_reload_conf()");
};

const webhook = async (client, lead, outcome) => {
  const payload = JSON.stringify({ call_id: randomUUID(), to: lead.phone, status: outcome, completed: true });
  await client.query("BEGIN");
  try {
    await client.query({ ...ATTEMPT, values: [randomUUID(), lead.id, outcome, payload] });
    await client.query({ ...MOVE, values: [lead.id, outcome, NEXT_IN_MS] });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
};

/** A worker over one connection, for one window: claims, then the webhooks of those calls one after the other. */
const work = async (client, until) => {
  let done = 0;
  while (performance.now() < until) {
    const { rows } = await client.query(CLAIM);
    if (rows.length === 0) {
      return done;
    }
    for (const lead of rows) {
      await webhook(client, lead, outcomeOf(done));
      done += 1;
    }
  }
  return done;
};

const measure = async (connections, name) => {
  await allDue();
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  const values = await perSecond(Number(times), Number(windowMs), async () => {
    const until = performance.now() + Number(windowMs);
    const done = await Promise.all(clients.map((client) => work(client, until)));
    return done.reduce((sum, each) => sum + each, 0);
  });
  clients.forEach((client) => client.release());
  report(`PostgreSQL with SKIP LOCKED, ${name}`, "cycles_per_s", values);
};

await fill();
await measure(1, "1 connection");
await measure(8, "8 connections");
await waitForDisk(false);
await measure(1, "1 connection, without waiting for the disk");
await measure(8, "8 connections, without waiting for the disk");
await pool.end();
