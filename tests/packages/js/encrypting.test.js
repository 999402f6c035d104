import assert from "node:assert/strict";
import { test } from "node:test";
import { complaint, suggestion } from "../../../src/posthouse/packages/static/packages/encrypting.js";

test("what is suggested is long, in groups, without letters that are taken for one another, and never twice", () => {
  const all = Array.from({ length: 200 }, suggestion);
  for (const one of all) assert.match(one, /^([a-km-np-z2-9]{4}-){4}[a-km-np-z2-9]{4}$/);
  assert.equal(new Set(all).size, all.length);
  assert.equal(new Set(all.join("").replaceAll("-", "")).size, 32, "every letter comes up");
  for (const one of all) assert.equal(complaint(one), "");
});

test("short passphrases are refused with their length", () => {
  assert.match(complaint(""), /Type a passphrase/);
  assert.match(complaint("eleven char"), /has 11 characters/);
  assert.match(complaint("😀".repeat(11)), /has 11 characters/);
  assert.equal(complaint("twelve chars"), "");
});
