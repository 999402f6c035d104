import assert from "node:assert/strict";
import { test } from "node:test";
import { match } from "../../../src/posthouse/packages/static/packages/match.js";

const file = (path, size) => ({ path, size });

test("files go on by path and size", () => {
  const { pairs, missing, changed } = match([file("a/x", 1), file("b", 2)], [file("b", 2), file("a/x", 1), file("c", 3)]);
  assert.deepEqual(pairs.map(([want, got]) => [want.path, got.path]), [["a/x", "a/x"], ["b", "b"]]);
  assert.deepEqual([missing, changed], [[], []]);
});

test("a file that changed in size is told from one that is missing", () => {
  const { pairs, missing, changed } = match([file("a", 1), file("b", 2)], [file("a", 5)]);
  assert.deepEqual(pairs, []);
  assert.deepEqual(changed.map(({ path }) => path), ["a"]);
  assert.deepEqual(missing.map(({ path }) => path), ["b"]);
});

test("the folder may be left out where there is no doubt", () => {
  const { pairs } = match([file("reels/a.mov", 7)], [file("a.mov", 7)]);
  assert.equal(pairs.length, 1);
});

test("where two files could be meant, none is taken", () => {
  const { pairs, missing } = match([file("reels/a.mov", 7)], [file("x/a.mov", 7), file("y/a.mov", 7)]);
  assert.equal(pairs.length, 0);
  assert.equal(missing.length, 1);
});
