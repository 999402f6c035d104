import assert from "node:assert/strict";
import { test } from "node:test";
import { BYTES, EACH, FILES } from "../../../src/posthouse/packages/static/packages/bundles.js";
import { PARALLEL, Queue } from "../../../src/posthouse/packages/static/packages/queue.js";

/** A clock that goes on when it is told, and a server whose answers the test gives. */
function setUp(count, { ask = async () => new Map(), size = 10, bundled = false } = {}) {
  const timers = [];
  const clock = {
    time: 0,
    now: () => clock.time,
    later: (action, ms) => timers.push({ action, at: clock.time + ms }) - 1,
    cancel: (handle) => handle !== null && (timers[handle] = null),
    pass(seconds) {
      clock.time += seconds * 1000;
      for (const [at, timer] of timers.entries()) {
        if (timer && timer.at <= clock.time) {
          timers[at] = null;
          timer.action();
        }
      }
    },
  };
  const runs = new Map();
  const stopped = [];
  const items = Array.from({ length: count }, (_, at) => ({ path: `f${at}`, size, offset: 0, upload: null }));
  const begin = (item, answers) => {
    runs.set(item.path, answers);
    return () => stopped.push(item.path);
  };
  const bundles = [];
  const bundle = (group, answers) => {
    bundles.push({ names: group.map(({ path }) => path), group, ...answers });
    return () => stopped.push(group.length);
  };
  const queue = new Queue(items, { begin, bundle: bundled ? bundle : null, ask, clock });
  return { queue, runs, bundles, stopped, clock, items };
}

test("a few files go at a time, and each end begins the next", () => {
  const { queue, runs } = setUp(6);
  queue.start();
  assert.deepEqual([...runs.keys()], ["f0", "f1", "f2", "f3"]);
  assert.equal(queue.active.size, PARALLEL);
  runs.get("f2").done();
  assert.deepEqual([...runs.keys()].at(-1), "f4");
  for (const name of ["f0", "f1", "f3", "f4"]) runs.get(name).done();
  runs.get("f5").done();
  assert.deepEqual([queue.state, queue.doneCount, queue.sent], ["finished", 6, 60]);
});

test("bytes are counted as they go, also backwards", () => {
  const { queue, runs } = setUp(2);
  queue.start();
  runs.get("f0").progress(7);
  runs.get("f1").progress(3);
  runs.get("f0").progress(4);
  assert.equal(queue.sent, 7);
});

test("what the server has already is not sent again", () => {
  const runs = [];
  const items = [
    { path: "a", size: 10, offset: 10 },
    { path: "b", size: 10, offset: 4 },
    { path: "c", size: 0, offset: 0 },
  ];
  const queue = new Queue(items, { begin: (item) => runs.push(item.path), ask: async () => null });
  assert.equal(queue.sent, 14);
  queue.start();
  assert.deepEqual(runs, ["b"]);
});

test("when the server is away it waits longer and longer, tells why, and loses nothing", () => {
  const { queue, runs, clock } = setUp(2);
  queue.start();
  runs.get("f0").progress(5);
  runs.get("f0").failed(null, "The server does not answer.");
  runs.get("f1").failed(null, "The server does not answer.");
  assert.deepEqual([queue.state, queue.problem], ["waiting", "The server does not answer."]);
  assert.equal(queue.retryAt, 1000);
  clock.pass(1);
  assert.equal(queue.state, "running");
  runs.get("f0").failed(null, "The server does not answer.");
  assert.equal(queue.retryAt, 3000, "the second wait is longer");
  runs.get("f1").failed(null, "The server does not answer.");
  clock.pass(2);
  runs.get("f0").progress(6);
  assert.equal(queue.attempt, 0, "progress makes it patient anew");
  runs.get("f0").done();
  runs.get("f1").done();
  assert.equal(queue.state, "finished");
});

test("files that still move go on while another one waits", () => {
  const { queue, runs } = setUp(2);
  queue.start();
  runs.get("f0").failed(423, "Busy.");
  runs.get("f1").progress(9);
  assert.equal(queue.sent, 9);
});

test("a pause stops what is under way; what a stopped run reports is not heard", () => {
  const { queue, runs, stopped } = setUp(3);
  queue.start();
  const old = runs.get("f0");
  queue.pause();
  assert.deepEqual([queue.state, stopped], ["paused", ["f0", "f1", "f2"]]);
  old.failed(null, "aborted");
  old.progress(9);
  assert.deepEqual([queue.state, queue.sent], ["paused", 0]);
  queue.start();
  old.done();
  assert.equal(queue.doneCount, 0);
  for (const name of ["f0", "f1", "f2"]) runs.get(name).done();
  assert.equal(queue.state, "finished");
});

test("a pause while waiting for the next try stays a pause", () => {
  const { queue, runs, clock } = setUp(1);
  queue.start();
  runs.get("f0").failed(null, "away");
  queue.pause();
  clock.pass(60);
  assert.equal(queue.state, "paused");
});

test("a file that cannot be read does not stop the others, and can be tried again", () => {
  const { queue, runs } = setUp(2);
  queue.start();
  runs.get("f0").failed(undefined, "It was moved.");
  runs.get("f1").done();
  assert.equal(queue.state, "stuck");
  assert.deepEqual(queue.failed.map(({ path, problem }) => [path, problem]), [["f0", "It was moved."]]);
  queue.startFailed();
  runs.get("f0").done();
  assert.equal(queue.state, "finished");
});

test("when the right has ended the server is asked, and what it says is believed", async () => {
  const { queue, runs, items } = setUp(2, {
    ask: async () => new Map([["f0", { offset: 4, upload: "/u/1" }], ["f1", { offset: 10, upload: null }]]),
  });
  queue.start();
  runs.get("f0").failed(403, "ended");
  runs.get("f1").failed(403, "ended");
  await new Promise(setImmediate);
  assert.deepEqual([items[0].upload, items[0].state, items[1].state], ["/u/1", "active", "done"]);
  runs.get("f0").done();
  assert.equal(queue.state, "finished");
});

test("when the answer to the last byte was lost, the server's word ends it well", async () => {
  const { queue, runs } = setUp(1, { ask: async () => null });
  queue.start();
  runs.get("f0").failed(403, "ended");
  await new Promise(setImmediate);
  assert.deepEqual([queue.state, queue.doneCount, queue.sent], ["finished", 1, 10]);
});

test("the same refusal after asking is told, not repeated for ever", async () => {
  const { queue, runs } = setUp(1, { ask: async () => new Map([["f0", { offset: 0, upload: null }]]) });
  queue.start();
  runs.get("f0").failed(404, "There is no such file.");
  await new Promise(setImmediate);
  runs.get("f0").failed(404, "There is no such file.");
  assert.deepEqual([queue.state, queue.failed[0].problem], ["stuck", "There is no such file."]);
});

test("20,000 files are through in a moment", () => {
  const items = Array.from({ length: 20_000 }, (_, at) => ({ path: `f${at}`, size: 1, offset: 0 }));
  const ready = [];
  const queue = new Queue(items, { begin: (item, { done }) => ready.push(done), ask: async () => null });
  const start = performance.now();
  queue.start();
  while (ready.length) ready.shift()();
  assert.equal(queue.state, "finished");
  assert.ok(performance.now() - start < 3000);
});

test("small files go together, as many as a bundle holds", () => {
  const { queue, bundles, runs } = setUp(FILES + 4, { bundled: true });
  queue.start();
  assert.deepEqual(bundles.map(({ names }) => names.length), [FILES, 4]);
  assert.equal(runs.size, 0);
});

test("what is large, has begun, or is the only one goes alone", () => {
  const calls = [];
  const sizes = [5, EACH + 1, 5, 5, 9];
  const items = sizes.map((size, at) => ({ path: `f${at}`, size, offset: at === 4 ? 3 : 0, upload: at === 4 ? "/u" : null }));
  const bundle = (group) => calls.push(group.map(({ path }) => path));
  const queue = new Queue(items, { begin: (item) => calls.push(item.path), bundle, ask: async () => null });
  queue.start();
  assert.deepEqual(calls, [["f0", "f2", "f3"], "f1", "f4"]);
  const one = [];
  new Queue([{ path: "a", size: 1 }], { begin: (item) => one.push(item.path), bundle, ask: async () => null }).start();
  assert.deepEqual(one, ["a"]);
});

test("a bundle has no more bytes than it may", () => {
  const { queue, bundles } = setUp(20, { size: EACH, bundled: true });
  queue.start();
  assert.deepEqual(bundles.map(({ names }) => names.length), [BYTES / EACH, BYTES / EACH, 4]);
});

test("the bytes of a bundle count for its files one after another, and its end ends them all", () => {
  const { queue, bundles, items } = setUp(3, { bundled: true });
  queue.start();
  bundles[0].progress(14);
  assert.deepEqual(items.map(({ sent }) => sent), [10, 4, 0]);
  bundles[0].progress(99);
  assert.deepEqual([queue.sent, queue.doneCount, queue.state], [30, 0, "running"]);
  bundles[0].done([]);
  assert.deepEqual([queue.sent, queue.doneCount, queue.state], [30, 3, "finished"]);
});

test("what the server did not take of a bundle goes alone", () => {
  const { queue, bundles, runs, items } = setUp(3, { bundled: true });
  queue.start();
  bundles[0].done([items[1]]);
  assert.deepEqual([queue.doneCount, queue.sent, [...runs.keys()]], [2, 20, ["f1"]]);
  runs.get("f1").done();
  assert.equal(queue.state, "finished");
});

test("a pause stops a bundle, of which nothing is there then, and going on sends it again", () => {
  const { queue, bundles, stopped } = setUp(3, { bundled: true });
  queue.start();
  bundles[0].progress(25);
  queue.pause();
  assert.deepEqual([stopped, queue.sent, queue.active.size], [[3], 0, 0]);
  bundles[0].done([]);
  assert.equal(queue.doneCount, 0);
  queue.start();
  assert.deepEqual(bundles[1].names, ["f0", "f1", "f2"]);
  bundles[1].done([]);
  assert.equal(queue.state, "finished");
});

test("over a line that breaks bundles become smaller, and larger again", () => {
  const { queue, bundles, clock } = setUp(8, { bundled: true });
  queue.start();
  bundles[0].progress(70);
  bundles[0].failed(null, "The server does not answer.");
  assert.deepEqual([queue.state, queue.sent, queue.retryAt], ["waiting", 0, 1000]);
  clock.pass(1);
  assert.deepEqual(bundles.slice(1).map(({ names }) => names), [["f0", "f1", "f2", "f3"], ["f4", "f5", "f6", "f7"]]);
  bundles[1].progress(30);
  bundles[1].failed(503, "away");
  assert.equal(queue.retryAt, 3000, "bytes of a bundle that failed are no progress");
  clock.pass(2);
  assert.deepEqual(bundles.slice(3).map(({ names }) => names.length), [2, 2]);
  bundles[2].done([]);
  bundles[3].done([]);
  bundles[4].done([]);
  assert.equal(queue.state, "finished");
});

test("when a bundle is refused, or a file of it cannot be read, each of them is tried alone", () => {
  for (const status of [undefined, 400]) {
    const { queue, bundles, runs } = setUp(2, { bundled: true });
    queue.start();
    bundles[0].failed(status, "No.");
    assert.deepEqual([...runs.keys()], ["f0", "f1"]);
    runs.get("f0").failed(undefined, "It was moved.");
    runs.get("f1").done();
    assert.deepEqual([queue.state, queue.failed.map(({ path }) => path)], ["stuck", ["f0"]]);
  }
});

test("when a bundle's right has ended the server is asked, and once more only", async () => {
  const { queue, bundles, runs } = setUp(3, {
    bundled: true,
    ask: async () => new Map([["f0", { offset: 10, upload: null }], ["f1", { offset: 0, upload: null }]]),
  });
  queue.start();
  bundles[0].failed(403, "ended");
  await new Promise(setImmediate);
  assert.deepEqual([queue.doneCount, bundles[1].names], [1, ["f1", "f2"]]);
  bundles[1].failed(403, "ended");
  assert.deepEqual([...runs.keys()], ["f1", "f2"]);
});

test("20,000 files are through in a moment in bundles, too", () => {
  const items = Array.from({ length: 20_000 }, (_, at) => ({ path: `f${at}`, size: 1, offset: 0 }));
  const ready = [];
  const bundle = (_, { done }) => ready.push(done);
  const queue = new Queue(items, { begin: () => {}, bundle, ask: async () => null });
  const start = performance.now();
  queue.start();
  while (ready.length) ready.shift()([]);
  assert.deepEqual([queue.state, queue.doneCount], ["finished", 20_000]);
  assert.ok(performance.now() - start < 3000);
});
