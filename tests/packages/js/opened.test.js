import assert from "node:assert/strict";
import { test } from "node:test";
import { EXTRA, RECORD, SEALED, base64, records, sealedSize } from "../../../src/posthouse/packages/static/packages/envelopes.js";
import { NotFetched, opened } from "../../../src/posthouse/packages/static/packages/opened.js";
import { SealedSource, isSame } from "../../../src/posthouse/packages/static/packages/sealed.js";
import { Damaged, FileSealer, sealPackage } from "../../../src/posthouse/packages/static/packages/sealing.js";

const { key } = await sealPackage("a passphrase of some length");
const size = 3 * RECORD + 1000;
const inside = new Uint8Array(size).map((_, at) => (at * 7 + (at >> 9)) & 255);
const file = new Blob([inside]);
const path = "a/film.mov";
const quick = { wait: async () => {} };

async function whole(blob, place = path) {
  const source = new SealedSource(blob, await FileSealer.of(key, place, blob.size));
  const pieces = [];
  let at = 0;
  for (let done = false; !done; ) {
    const { value, done: over } = await source.slice(at, at + 2 * SEALED);
    pieces.push(new Uint8Array(await value.arrayBuffer()));
    at += value.size;
    done = over;
  }
  assert.equal(at, source.size);
  return Buffer.concat(pieces);
}

const sealed = await whole(file);

/** A server that has `bytes`, and says no more than `most` of them in one answer. */
function server(bytes, { most = Infinity, step = 100_000, asked = [] } = {}) {
  return async (url, { headers }) => {
    const start = headers.Range ? Number(headers.Range.match(/^bytes=(\d+)-$/)[1]) : 0;
    asked.push(start);
    let at = start;
    const stop = Math.min(bytes.length, start + most);
    const body = new ReadableStream({
      pull(controller) {
        if (at >= stop) {
          if (stop < bytes.length) controller.error(new TypeError("cut"));
          else controller.close();
          return;
        }
        controller.enqueue(bytes.subarray(at, Math.min(stop, at + step)));
        at = Math.min(stop, at + step);
      },
    });
    return new Response(body, { status: start ? 206 : 200 });
  };
}

async function read(bytes, options) {
  const pieces = [];
  const ask = server(bytes, options);
  for await (const piece of opened(key, { path, size: bytes.length, url: "x" }, { ask, ...quick })) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("a file is sealed in the same bytes from wherever it is read", async () => {
  assert.equal(sealed.length, sealedSize(size));
  const source = new SealedSource(file, await FileSealer.of(key, path, size));
  for (const [start, end] of [[0, 10], [5, 40], [SEALED - 3, SEALED + 3], [SEALED + 5, 3 * SEALED], [3 * SEALED + 1, sealed.length], [17, sealed.length]]) {
    const { value, done } = await source.slice(start, end);
    const bytes = new Uint8Array(await value.arrayBuffer());
    assert.ok(bytes.length > 0 && bytes.length <= end - start);
    assert.deepEqual(Buffer.from(bytes), sealed.subarray(start, start + bytes.length));
    assert.equal(done, start + bytes.length === sealed.length);
  }
});

test("what was sealed is opened", async () => {
  assert.deepEqual(await read(sealed), Buffer.from(inside));
});

test("an empty file is opened, and one byte", async () => {
  for (const bytes of [new Uint8Array(), Uint8Array.of(9)]) {
    const small = await whole(new Blob([bytes]));
    assert.equal(small.length, bytes.length + EXTRA);
    assert.deepEqual(await read(small), Buffer.from(bytes));
  }
});

test("a cut line is gone on with from the record that was not whole", async () => {
  const asked = [];
  assert.deepEqual(await read(sealed, { most: SEALED + 500, asked }), Buffer.from(inside));
  assert.deepEqual(asked, [0, SEALED, 2 * SEALED, 3 * SEALED]);
});

test("a line that brings nothing is given up in the end", async () => {
  const asked = [];
  await assert.rejects(read(sealed, { most: 500, asked }), NotFetched);
  assert.ok(asked.length > 5 && asked.length < 20);
});

test("a refusal is told in the server's own words, at once", async () => {
  let asked = 0;
  const ask = async () => {
    asked += 1;
    return new Response(JSON.stringify({ error: "There is no such thing here." }), { status: 404 });
  };
  const reading = opened(key, { path, size: sealed.length, url: "x" }, { ask, ...quick });
  await assert.rejects(reading.next(), /no such thing/);
  assert.equal(asked, 1);
});

test("a flipped byte is noticed, and nothing behind it is given out", async () => {
  const broken = Buffer.from(sealed);
  broken[SEALED + 77] ^= 1;
  const reading = opened(key, { path, size: sealed.length, url: "x" }, { ask: server(broken), ...quick });
  assert.deepEqual(Buffer.from((await reading.next()).value), Buffer.from(inside.subarray(0, RECORD)));
  await assert.rejects(reading.next(), (error) => error instanceof Damaged && /a\/film\.mov.*damaged/.test(error.message));
});

test("a file that was cut short, or lost its last record, is no file", async () => {
  await assert.rejects(read(sealed.subarray(0, 2 * SEALED)), Damaged);
  await assert.rejects(read(sealed.subarray(0, SEALED + 3)), Damaged);
  await assert.rejects(read(Buffer.alloc(0)), Damaged);
});

test("records in another order are noticed", async () => {
  const mixed = Buffer.concat([sealed.subarray(SEALED, 2 * SEALED), sealed.subarray(0, SEALED), sealed.subarray(2 * SEALED)]);
  await assert.rejects(read(mixed), Damaged);
});

test("by its marks a file is known again, and another one of the same size is not", async () => {
  const marks = [];
  for (let number = 0; number < records(size); number += 1) {
    marks.push([number, base64(sealed.subarray(number * SEALED, number * SEALED + 12))]);
  }
  assert.equal(await isSame(key, path, file, marks), true);
  assert.equal(await isSame(key, path, file, []), true);
  const other = inside.slice();
  other[RECORD + 5] ^= 1;
  assert.equal(await isSame(key, path, new Blob([other]), marks), false);
  assert.equal(await isSame(key, path, file.slice(0, RECORD), marks.slice(1)), false);
});
