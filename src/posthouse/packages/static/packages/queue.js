// The uploads of one package: some at a time, with pause, and with patience while the server is away.
// It knows neither the network nor the page: `begin` starts one file's upload, `bundle` that of some small ones together,
// `ask` tells what the server has.

import { BYTES, EACH, FILES } from "./bundles.js";
import { decide, delay } from "./retry.js";

export const PARALLEL = 4;

/**
 * States of the queue: "running", "paused", "waiting" (for the next try), "stuck" (some files failed for good),
 * "finished". States of a file: "waiting", "active", "done", "failed".
 */
export class Queue {
  state = "paused";
  sent = 0;
  size = 0;
  doneCount = 0;
  attempt = 0;
  problem = "";
  retryAt = 0;
  failed = [];
  active = new Set();

  #begin;
  #bundle;
  #ask;
  #changed;
  #clock;
  #waiting; // in the order in which they go
  #again = []; // before those
  #runs = new Set(); // what a run reports that is not in here any more is not heard
  #most = FILES;
  #timer = null;
  #asking = false;

  /**
   * A bundle counts only when all of it is there, so over a line that breaks small files go fewer at a time.
   *
   * @param items [{path, size, offset, upload, file}]: `offset` bytes of it are on the server already
   * @param begin (item, {progress(bytes), done(), failed(status, words)}) => stop function
   * @param bundle like `begin`, for several items; `done` is told which of them were not taken, and have to go alone
   * @param ask async () => null when the package is complete, else a Map of path → {offset, upload}
   * @param changed called whenever something that is shown may differ
   * @param clock {now(), later(function, ms), cancel(handle)}
   */
  constructor(items, { begin, bundle = null, ask, changed = () => {}, clock = browserClock }) {
    this.items = items;
    this.#begin = begin;
    this.#bundle = bundle;
    this.#ask = ask;
    this.#changed = changed;
    this.#clock = clock;
    for (const item of items) {
      item.sent = item.offset ?? 0;
      this.size += item.size;
      this.sent += item.sent;
      item.state = item.sent >= item.size ? "done" : "waiting";
      if (item.state === "done") this.doneCount += 1;
    }
    const small = items.filter((item) => this.#isSmall(item));
    this.#waiting = [...small, ...items.filter((item) => !this.#isSmall(item))].reverse();
  }

  /** Begin, or go on after a pause, or try now instead of later. */
  start() {
    if (this.state === "finished") return;
    this.#clock.cancel(this.#timer);
    this.state = "running";
    this.#fill();
  }

  /** Stop what is under way; what arrived stays. */
  pause() {
    if (this.state === "finished") return;
    this.#clock.cancel(this.#timer);
    this.state = "paused";
    for (const run of [...this.#runs]) {
      run.stop?.();
      this.#end(run);
      this.#putBack(run.items);
    }
    this.#changed();
  }

  /** Try again what failed for good. */
  startFailed() {
    this.#putBack(this.failed.splice(0));
    this.start();
  }

  #fill() {
    while (this.state === "running" && this.#runs.size < PARALLEL) {
      const items = this.#takeSome();
      if (!items.length) break;
      this.#launch(items);
    }
    if (this.state === "running" && this.#runs.size === 0) this.state = this.failed.length ? "stuck" : "finished";
    this.#changed();
  }

  #isSmall(item) {
    return Boolean(this.#bundle) && !item.alone && !item.upload && item.size <= EACH;
  }

  /** Take the next file, or small ones that go together. */
  #takeSome() {
    const items = [];
    let room = BYTES;
    for (let item = this.#peek(); item; item = this.#peek()) {
      const full = items.length >= this.#most || item.size > room;
      if (items.length && (full || !this.#isSmall(items[0]) || !this.#isSmall(item))) break;
      items.push(item);
      room -= item.size;
      if (this.#again.length) this.#again.shift();
      else this.#waiting.pop();
    }
    return items;
  }

  #peek() {
    while (this.#waiting.length && this.#waiting.at(-1).state !== "waiting") this.#waiting.pop();
    return this.#again[0] ?? this.#waiting.at(-1);
  }

  #launch(items) {
    const run = { items };
    this.#runs.add(run);
    for (const item of items) {
      item.state = "active";
      item.problem = "";
      this.active.add(item);
    }
    const heard = (hear) => (...said) => this.#runs.has(run) && hear(...said);
    const answers = {
      progress: heard((bytes) => this.#progress(run, bytes)),
      done: heard((others) => this.#done(run, others)),
      failed: heard((status, words) => this.#fail(run, status, words)),
    };
    run.stop = items.length > 1 ? this.#bundle(items, answers) : this.#begin(items[0], answers);
  }

  #progress({ items }, bytes) {
    let left = bytes;
    for (const item of items) {
      const sent = Math.min(item.size, left);
      left -= sent;
      if (items.length === 1 && sent > item.sent) {
        this.attempt = 0;
        item.asked = false;
      }
      this.#setSent(item, sent);
    }
    this.#changed();
  }

  #done(run, others = []) {
    this.#end(run);
    this.attempt = 0;
    if (run.items.length > 1) this.#most = Math.min(FILES, 2 * this.#most);
    for (const item of others) item.alone = true;
    this.#putBack(others);
    for (const item of run.items) {
      if (item.state === "active") this.#finish(item);
    }
    this.#fill();
  }

  #finish(item) {
    this.active.delete(item);
    this.#setSent(item, item.size);
    item.state = "done";
    this.doneCount += 1;
  }

  #fail(run, status, words) {
    const { items } = run;
    const decision = decide(status);
    const hopeless = decision === "give-up" || (decision === "ask" && items.some((item) => item.asked));
    this.#end(run);
    if (hopeless && items.length === 1) {
      const [item] = items;
      this.active.delete(item);
      item.state = "failed";
      item.problem = words;
      this.failed.push(item);
      this.#fill();
      return;
    }
    this.#putBack(items);
    if (hopeless) {
      for (const item of items) item.alone = true; // so it is seen which of them cannot go, and why
      this.#fill();
      return;
    }
    this.problem = words;
    if (decision === "ask") {
      for (const item of items) item.asked = true;
      this.#askServer();
    } else {
      if (items.length > 1) this.#most = Math.max(1, Math.floor(items.length / 2));
      this.#wait();
    }
  }

  async #askServer() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      const known = await this.#ask();
      if (known === null) {
        this.#allDone();
      } else {
        this.#learn(known);
        if (this.state === "running") this.#fill();
      }
    } catch (error) {
      this.problem = error.message;
      this.#wait();
    } finally {
      this.#asking = false;
    }
  }

  /** Take over what the server has of the files that are not under way. */
  #learn(known) {
    for (const item of this.items) {
      const there = known.get(item.path);
      if (!there || item.state !== "waiting") continue;
      item.upload = there.upload;
      this.#setSent(item, there.offset);
      if (there.offset >= item.size) {
        item.state = "done";
        this.doneCount += 1;
      }
    }
    this.#again = this.#again.filter((item) => item.state === "waiting");
  }

  #allDone() {
    for (const run of this.#runs) run.stop?.();
    this.#runs.clear();
    for (const item of this.items) {
      if (item.state !== "done") this.#finish(item);
    }
    this.failed = [];
    this.state = "finished";
    this.#changed();
  }

  #wait() {
    if (this.state !== "running") {
      this.#changed();
      return;
    }
    const seconds = delay(this.attempt);
    this.attempt += 1;
    this.state = "waiting";
    this.retryAt = this.#clock.now() + seconds * 1000;
    this.#timer = this.#clock.later(() => this.start(), seconds * 1000);
    this.#changed();
  }

  #end(run) {
    this.#runs.delete(run);
    // Of a bundle that did not come whole nothing is there.
    if (run.items.length > 1) for (const item of run.items) this.#setSent(item, 0);
  }

  #putBack(items) {
    for (const item of items) {
      this.active.delete(item);
      item.state = "waiting";
      this.#again.push(item);
    }
  }

  #setSent(item, bytes) {
    this.sent += bytes - item.sent;
    item.sent = bytes;
  }
}

const browserClock = {
  now: () => Date.now(),
  later: (action, ms) => setTimeout(action, ms),
  cancel: (handle) => clearTimeout(handle),
};
