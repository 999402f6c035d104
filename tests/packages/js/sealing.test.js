import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as envelopes from "../../../src/posthouse/packages/static/packages/envelopes.js";
import { Damaged, FileSealer, openPackage, sealPackage, WrongPassphrase } from "../../../src/posthouse/packages/static/packages/sealing.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/sealing.json", import.meta.url)));
const { RECORD, SEALED, EXTRA } = envelopes;

const hex = (bytes) => Buffer.from(bytes).toString("hex");

function contents(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 1) bytes[at] = (at * 131 + 7) % 251;
  return bytes;
}

async function record(sealer, number, piece) {
  return new Uint8Array(Buffer.concat(await sealer.seal(number, piece)));
}

async function sealed(key, path, bytes) {
  const sealer = await FileSealer.of(key, path, bytes.length);
  const records = [];
  for (let number = 0; number < envelopes.records(bytes.length); number += 1) {
    records.push(await record(sealer, number, bytes.slice(number * RECORD, (number + 1) * RECORD)));
  }
  return { sealer, records };
}

test("both envelopes open with the passphrase, however its letters are composed", async () => {
  for (const envelope of vectors.envelopes) {
    await openPackage(envelope, vectors.passphrase);
    await openPackage(envelope, vectors.passphrase.normalize("NFC"));
  }
});

test("a wrong passphrase is told, and so is an envelope of another kind", async () => {
  const [envelope] = vectors.envelopes;
  await assert.rejects(openPackage(envelope, `${vectors.passphrase} `), WrongPassphrase);
  await assert.rejects(openPackage({ ...envelope, version: 2 }, vectors.passphrase), envelopes.BadEnvelope);
  await assert.rejects(openPackage({ ...envelope, iterations: 1000 }, vectors.passphrase), envelopes.BadEnvelope);
  await assert.rejects(openPackage({ ...envelope, iterations: 1e9 }, vectors.passphrase), envelopes.BadEnvelope);
  await assert.rejects(openPackage({ ...envelope, salt: "AAAA" }, vectors.passphrase), envelopes.BadEnvelope);
  await assert.rejects(openPackage({ ...envelope, salt: "?" }, vectors.passphrase), envelopes.BadEnvelope);
});

test("files are sealed to the very bytes of the vectors, and open again", async () => {
  for (const envelope of vectors.envelopes) {
    const key = await openPackage(envelope, vectors.passphrase);
    for (const file of vectors.files) {
      const bytes = contents(file.size);
      const { sealer, records } = await sealed(key, file.path, bytes);
      const whole = Buffer.concat(records);
      assert.equal(whole.length, file.sealed);
      assert.equal(hex(whole.subarray(0, 32)), file.head);
      assert.equal(hex(whole.subarray(-32)), file.tail);
      assert.equal(createHash("sha256").update(whole).digest("hex"), file.sha256);
      for (const [number, record] of records.entries()) {
        assert.deepEqual(await sealer.open(number, record), bytes.slice(number * RECORD, (number + 1) * RECORD));
      }
    }
  }
});

test("what was changed, moved, cut short or renamed does not open", async () => {
  const { key } = await sealPackage("a passphrase of some length");
  const bytes = contents(2 * RECORD + 10);
  const { sealer, records } = await sealed(key, "a.mov", bytes);
  const flipped = records[0].slice();
  flipped[EXTRA + 5] ^= 1;
  await assert.rejects(sealer.open(0, flipped), Damaged);
  await assert.rejects(sealer.open(1, records[0]), Damaged);
  await assert.rejects(sealer.open(2, records[2].slice(0, -1)), Damaged);
  const shorter = await FileSealer.of(key, "a.mov", 2 * RECORD);
  await assert.rejects(shorter.open(0, records[0]), Damaged);
  const renamed = await FileSealer.of(key, "b.mov", bytes.length);
  await assert.rejects(renamed.open(0, records[0]), Damaged);
});

test("another content at the same place has another nonce", async () => {
  const { key } = await sealPackage("a passphrase of some length");
  const sealer = await FileSealer.of(key, "a", 4);
  const one = await record(sealer, 0, Uint8Array.of(1, 2, 3, 4));
  const same = await record(sealer, 0, Uint8Array.of(1, 2, 3, 4));
  const other = await record(sealer, 0, Uint8Array.of(1, 2, 3, 5));
  assert.deepEqual(one, same);
  assert.notEqual(hex(one.subarray(0, 12)), hex(other.subarray(0, 12)));
});

test("sizes", () => {
  assert.equal(envelopes.sealedSize(0), EXTRA);
  assert.equal(envelopes.sealedSize(RECORD), SEALED);
  assert.equal(envelopes.sealedSize(RECORD + 1), SEALED + EXTRA + 1);
  for (const bad of [0, 1, EXTRA - 1, SEALED + 1, SEALED + EXTRA]) assert.equal(envelopes.openSize(bad), null);
  for (const size of [0, 1, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD, 1e12, 2 ** 52]) {
    assert.equal(envelopes.openSize(envelopes.sealedSize(size)), size);
  }
  assert.deepEqual(envelopes.span(1, RECORD + 3), { offset: SEALED, length: 3 + EXTRA });
  assert.throws(() => envelopes.span(1, RECORD), RangeError);
});

test("an envelope is written as it was read", () => {
  const [envelope] = vectors.envelopes;
  assert.deepEqual(envelopes.writeEnvelope(envelopes.readEnvelope(envelope)), envelope);
});
