import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, delay } from "../../../src/posthouse/packages/static/packages/retry.js";

const cases = [
  [null, "wait", "no answer: the server is away"],
  [0, "wait", "no answer, as XMLHttpRequest says it"],
  [500, "wait", "a fault that may pass"],
  [503, "wait", "starting up"],
  [507, "wait", "a full disk, until somebody makes room"],
  [409, "wait", "another offset: the next try asks first"],
  [423, "wait", "the old connection still holds it"],
  [460, "wait", "damaged on the way"],
  [429, "wait", "too many"],
  [401, "ask", "the right ended"],
  [403, "ask", "the right ended, perhaps because all is there"],
  [404, "ask", "the upload is gone"],
  [410, "ask", "the upload expired"],
  [400, "give-up", "trying again cannot help"],
  [413, "give-up", "larger than announced"],
  [undefined, "give-up", "the file cannot be read"],
];

for (const [status, decision, why] of cases) {
  test(`${status}: ${decision} (${why})`, () => assert.equal(decide(status), decision));
}

test("the first tries come soon, later ones every half minute, and never all at one moment", () => {
  assert.deepEqual([0, 1, 2].map((attempt) => delay(attempt, 1)), [1, 2, 3]);
  assert.equal(delay(50, 0), 30);
  assert.equal(delay(50, 1), 37.5);
});
