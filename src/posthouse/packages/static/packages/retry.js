// What a failed request means, and when to try again. Pure.

const DELAYS = [1, 2, 3, 5, 8, 13, 20, 30]; // seconds
const AGAIN = new Set([408, 409, 423, 425, 429, 460]); // answers of a server that will take the same bytes later
const ASK = new Set([401, 403, 404, 410]); // the upload, or the right to it, is not what it was: ask the server

/** Seconds before try number `attempt` (from 0), each up to a quarter more so that browsers do not come in step. */
export function delay(attempt, random = Math.random()) {
  const seconds = DELAYS[Math.min(attempt, DELAYS.length - 1)];
  return seconds + (attempt > 2 ? (seconds / 4) * random : 0);
}

/**
 * What to do about a failure: "wait" and try again, "ask" the server what it has, or "give-up" on this file.
 * @param {number|null} status the answer's status, null if there was no answer, undefined if the file was unreadable
 */
export function decide(status) {
  if (status === undefined) return "give-up";
  if (status === null || status === 0 || status >= 500 || AGAIN.has(status)) return "wait";
  return ASK.has(status) ? "ask" : "give-up";
}
