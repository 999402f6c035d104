import assert from "node:assert/strict";
import { test } from "node:test";
import { Choice } from "../../../src/posthouse/packages/static/packages/choice.js";

const file = (path, size = 1) => ({ path, size });

test("a path is chosen once, and the later choice counts", () => {
  const choice = new Choice();
  choice.add([file("a", 5), file("b", 7)]);
  choice.add([file("a", 6)]);
  assert.deepEqual([choice.count, choice.size], [2, 13]);
});

test("removing keeps the count, the size and the order right", () => {
  const choice = new Choice();
  choice.add([file("c", 1), file("a", 2), file("b", 4)]);
  assert.deepEqual(choice.files.map(({ path }) => path), ["a", "b", "c"]);
  choice.remove("b");
  choice.remove("never there");
  assert.deepEqual(choice.files.map(({ path }) => path), ["a", "c"]);
  assert.equal(choice.size, 3);
  choice.clear();
  assert.deepEqual([choice.count, choice.size, choice.files], [0, 0, []]);
});

test("folders stay together and numbers count", () => {
  const choice = new Choice();
  choice.add(["b/10", "a", "b/2", "b z", "b/c/1"].map((path) => file(path)));
  assert.deepEqual(choice.files.map(({ path }) => path), ["a", "b/2", "b/10", "b/c/1", "b z"]);
});

test("20,000 files are taken and ordered in a moment", () => {
  const choice = new Choice();
  const start = performance.now();
  choice.add(Array.from({ length: 20_000 }, (_, at) => file(`folder ${at % 100}/take ${at}.mov`)));
  assert.equal(choice.files.length, 20_000);
  assert.ok(performance.now() - start < 3000);
});
