// The uploads of one package: some at a time, with pause, and with patience while the server is away.
// It knows neither the network nor the page: `begin` starts one file's upload, `ask` tells what the server has.

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
  #ask;
  #changed;
  #clock;
  #next = 0;
  #again = [];
  #timer = null;
  #asking = false;

  /**
   * @param items [{path, size, offset, upload, file}]: `offset` bytes of it are on the server already
   * @param begin (item, {progress(bytes), done(), failed(status, words)}) => stop function
   * @param ask async () => null when the package is complete, else a Map of path → {offset, upload}
   * @param changed called whenever something that is shown may differ
   * @param clock {now(), later(function, ms), cancel(handle)}
   */
  constructor(items, { begin, ask, changed = () => {}, clock = browserClock }) {
    this.items = items;
    this.#begin = begin;
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
    for (const item of [...this.active]) {
      item.stop?.();
      this.#putBack(item);
    }
    this.#changed();
  }

  /** Try again what failed for good. */
  startFailed() {
    for (const item of this.failed.splice(0)) this.#putBack(item);
    this.start();
  }

  #fill() {
    while (this.state === "running" && this.active.size < PARALLEL) {
      const item = this.#again.shift() ?? this.#takeNext();
      if (!item) break;
      this.#launch(item);
    }
    if (this.state === "running" && this.active.size === 0) this.state = this.failed.length ? "stuck" : "finished";
    this.#changed();
  }

  #takeNext() {
    while (this.#next < this.items.length) {
      const item = this.items[this.#next];
      this.#next += 1;
      if (item.state === "waiting") return item;
    }
    return null;
  }

  #launch(item) {
    item.state = "active";
    item.problem = "";
    const run = (item.run = {}); // what a stopped run still reports is no longer heard
    this.active.add(item);
    const current = () => item.run === run && item.state === "active";
    item.stop = this.#begin(item, {
      progress: (bytes) => {
        if (!current()) return;
        if (bytes > item.sent) {
          this.attempt = 0;
          item.asked = false;
        }
        this.#setSent(item, bytes);
        this.#changed();
      },
      done: () => {
        if (!current()) return;
        this.attempt = 0;
        this.#finish(item);
        this.#fill();
      },
      failed: (status, words) => {
        if (current()) this.#fail(item, status, words);
      },
    });
  }

  #finish(item) {
    this.active.delete(item);
    this.#setSent(item, item.size);
    item.state = "done";
    this.doneCount += 1;
  }

  #fail(item, status, words) {
    const decision = decide(status);
    if (decision === "give-up" || (decision === "ask" && item.asked)) {
      this.active.delete(item);
      item.state = "failed";
      item.problem = words;
      this.failed.push(item);
      this.#fill();
      return;
    }
    this.#putBack(item);
    this.problem = words;
    if (decision === "ask") {
      item.asked = true;
      this.#askServer();
    } else {
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
    for (const item of [...this.active]) item.stop?.();
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

  #putBack(item) {
    this.active.delete(item);
    item.state = "waiting";
    item.run = null;
    this.#again.push(item);
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
