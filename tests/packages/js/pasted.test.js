import assert from "node:assert/strict";
import { test } from "node:test";
import { namesIn } from "../../../src/posthouse/packages/static/packages/pasted.js";

test("lists come in lines, or with commas, semicolons or tabs between", () => {
  assert.deepEqual(namesIn("alice\r\nbob, carla;dora\teve@outside.example"), [
    "alice",
    "bob",
    "carla",
    "dora",
    "eve@outside.example",
  ]);
});

test("of a name with an address the address is meant, whatever the name holds", () => {
  assert.deepEqual(namesIn('Eve <eve@outside.example>, "Smith, John" <john@outside.example>'), [
    "eve@outside.example",
    "john@outside.example",
  ]);
});

test("nothing is made of nothing", () => {
  assert.deepEqual(namesIn(" \n,; \t"), []);
  assert.deepEqual(namesIn("one name"), ["one name"]);
});

test("ten thousand addresses take no time", () => {
  const text = Array.from({ length: 10_000 }, (_, n) => `User ${n} <u${n}@outside.example>`).join("\n");
  assert.equal(namesIn(text).length, 10_000);
});
