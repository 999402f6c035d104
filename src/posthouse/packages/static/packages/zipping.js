// A zip file that is made as its members come: stored, with their CRC-32 behind them (APPNOTE 6.3, 4.3.9). Pure.

import { crc32 } from "./crc.js";

const LIMIT32 = 0xffffffff;
const LIMIT16 = 0xffff;
const FLAGS = (1 << 11) | (1 << 3); // UTF-8 names; sizes and CRC behind the contents
const PLAIN = 20;
const ZIP64 = 45; // versions needed to extract
const UNIX = 3 << 8;
const MODE = 0o100644 * 0x10000;
const text = new TextEncoder();

/** Bytes in the order given: [value, bytes] pairs, little-endian. */
function pack(...fields) {
  const made = new Uint8Array(fields.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(made.buffer);
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return made;
}

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** MS-DOS time and date: no time zone, two seconds' resolution, years 1980 to 2107. */
function dos(moment) {
  const year = Math.min(Math.max(moment.getUTCFullYear(), 1980), 2107) - 1980;
  const time = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1);
  return [[time, 2], [(year << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate(), 2]];
}

function local(name, size, moment) {
  const big = size >= LIMIT32;
  // Sizes are behind the contents; the empty field says that they are long there.
  const extra = big ? pack([1, 2], [16, 2], [0, 8], [0, 8]) : new Uint8Array();
  const empty = big ? LIMIT32 : 0;
  const head = pack(
    [0x04034b50, 4], [big ? ZIP64 : PLAIN, 2], [FLAGS, 2], [0, 2], ...dos(moment),
    [0, 4], [empty, 4], [empty, 4], [name.length, 2], [extra.length, 2],
  );
  return joined(head, name, extra);
}

function descriptor(crc, size) {
  const wide = size >= LIMIT32 ? 8 : 4;
  return pack([0x08074b50, 4], [crc, 4], [size, wide], [size, wide]);
}

function central({ name, size, moment, offset, crc }) {
  const numbers = [...(size >= LIMIT32 ? [size, size] : []), ...(offset >= LIMIT32 ? [offset] : [])];
  const extra = numbers.length ? pack([1, 2], [8 * numbers.length, 2], ...numbers.map((number) => [number, 8])) : new Uint8Array();
  const need = numbers.length ? ZIP64 : PLAIN;
  const short = Math.min(size, LIMIT32);
  const head = pack(
    [0x02014b50, 4], [UNIX | need, 2], [need, 2], [FLAGS, 2], [0, 2], ...dos(moment),
    [crc, 4], [short, 4], [short, 4], [name.length, 2], [extra.length, 2], [0, 2], [0, 2], [0, 2],
    [MODE, 4], [Math.min(offset, LIMIT32), 4],
  );
  return joined(head, name, extra);
}

function end(count, size, offset) {
  const parts = [];
  if (count >= LIMIT16 || size >= LIMIT32 || offset >= LIMIT32) {
    parts.push(pack([0x06064b50, 4], [44, 8], [UNIX | ZIP64, 2], [ZIP64, 2], [0, 4], [0, 4], [count, 8], [count, 8], [size, 8], [offset, 8]));
    parts.push(pack([0x07064b50, 4], [0, 4], [offset + size, 8], [1, 4]));
  }
  const few = Math.min(count, LIMIT16);
  parts.push(pack([0x06054b50, 4], [0, 2], [0, 2], [few, 2], [few, 2], [Math.min(size, LIMIT32), 4], [Math.min(offset, LIMIT32), 4], [0, 2]));
  return joined(...parts);
}

/** Bytes of the zip file of members {path, size}, exactly. */
export function zipSize(members) {
  let offset = 0;
  let directory = 0;
  const moment = new Date(0);
  for (const { path, size } of members) {
    const name = text.encode(path);
    directory += central({ name, size, moment, offset, crc: 0 }).length;
    offset += local(name, size, moment).length + size + descriptor(0, size).length;
  }
  return offset + directory + end(members.length, directory, offset).length;
}

/**
 * Yield the bytes of a zip file. Whoever takes a piece may give it away: its length is not asked for afterwards.
 * @param members {path, size}
 * @param contents (member) => an async iterable of its bytes
 * @param moment the time that the files get
 */
export async function* zip(members, contents, moment) {
  const entries = [];
  let offset = 0;
  for (const member of members) {
    const name = text.encode(member.path);
    const head = local(name, member.size, moment);
    const start = offset;
    offset += head.length + member.size;
    yield head;
    let crc = 0;
    for await (const piece of contents(member)) {
      crc = crc32(piece, crc);
      yield piece;
    }
    const tail = descriptor(crc, member.size);
    offset += tail.length;
    yield tail;
    entries.push({ name, size: member.size, moment, offset: start, crc });
  }
  let size = 0;
  for (const entry of entries) {
    const made = central(entry);
    size += made.length;
    yield made;
  }
  yield end(entries.length, size, offset);
}
