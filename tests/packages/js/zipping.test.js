import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "../../../src/posthouse/packages/static/packages/crc.js";
import { zip, zipSize } from "../../../src/posthouse/packages/static/packages/zipping.js";

const bytes = (text) => new TextEncoder().encode(text);

test("CRC-32 is that of everybody else, in one piece or in several", () => {
  assert.equal(crc32(bytes("123456789")), 0xcbf43926);
  assert.equal(crc32(bytes("")), 0);
  assert.equal(crc32(bytes("6789"), crc32(bytes("12345"))), 0xcbf43926);
  assert.equal(crc32(bytes("The quick brown fox jumps over the lazy dog")), 0x414fa339);
});

async function made(members, contents) {
  const parts = [];
  for await (const piece of zip(members, contents, new Date("2026-03-04T05:06:08Z"))) {
    parts.push(Buffer.from(piece)); // a copy
    structuredClone(piece, { transfer: [piece.buffer] }); // as it goes to a service worker
  }
  return Buffer.concat(parts);
}

test("a zip file has the size that was told beforehand", async () => {
  const files = { "a.txt": "hello", "leer/été 写真.txt": "", "b/c.bin": "x".repeat(70000) };
  const members = Object.entries(files).map(([path, text]) => ({ path, size: bytes(text).length }));
  const whole = await made(members, async function* ({ path }) {
    yield bytes(files[path]);
  });
  assert.equal(whole.length, zipSize(members));
  assert.equal(whole.readUInt32LE(0), 0x04034b50);
  assert.equal(whole.readUInt32LE(whole.length - 22), 0x06054b50);
  assert.equal(whole.readUInt16LE(whole.length - 12), 3);
  const directory = whole.readUInt32LE(whole.length - 6);
  assert.equal(whole.readUInt32LE(directory), 0x02014b50, "the directory is where the end says");
});

test("files beyond 4 GiB, and very many, get long fields", () => {
  const big = [{ path: "a", size: 5e9 }, { path: "b", size: 1 }];
  // Headers of "a" (30 + 1 + 20, descriptor 24, entry 46 + 1 + 20) and "b" (30 + 1, 16, 46 + 1 + 12), ends 56 + 20 + 22.
  assert.equal(zipSize(big), 5e9 + 1 + 51 + 24 + 67 + 31 + 16 + 59 + 98);
  const many = Array.from({ length: 70_000 }, (_, at) => ({ path: String(at).padStart(6, "0"), size: 0 }));
  assert.equal(zipSize(many), 70_000 * (36 + 16 + 52) + 98);
});
