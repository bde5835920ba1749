// What the scripts share: a lead, arguments, repeated windows of time, and one line of JSON for each figure.

/** What a call may end with; none of them ends the redialing. */
const OUTCOMES = ["VOICEMAIL", "NO_ANSWER", "BUSY"];
/** The next call is due after this: none is due twice in one run. */
export const NEXT_IN_MS = 45 * 60 * 1000;

export const outcomeOf = (n) => OUTCOMES[n % OUTCOMES.length];

/** A phone of area code 555, which belongs to nobody. */
export const phoneOf = (n) => `+1555${String(n).padStart(7, "0")}`;

export const leadOf = (n) => ({
  lead_id: String(100_000 + n),
  list_id: "16529",
  first_name: "Ada",
  last_name: "Example",
  state: "NY",
});

/** `name=value` words of the command line. */
export const words = () => Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s, 2)));

export const report = (name, unit, values, how) => console.log(JSON.stringify({ name, unit, values, how }));

/** Cycles a second, once for each of `times` windows. `cycle` does at least one and says how many, 0 when none is left. */
export const perSecond = async (times, windowMs, cycle) => {
  const values = [];
  for (let time = 0; time < times; time += 1) {
    const begun = performance.now();
    let done = 0;
    while (performance.now() - begun < windowMs) {
      const more = await cycle();
      if (more === 0) {
        break;
      }
      done += more;
    }
    if (done > 0) {
      values.push((done * 1000) / (performance.now() - begun));
    }
  }
  return values;
};
