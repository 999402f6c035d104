// A sealed file as it comes down: fetched, opened record by record, and gone on with after a cut. It knows no page.

import { SEALED, openSize, records, span } from "./envelopes.js";
import { Damaged, FileSealer } from "./sealing.js";
import { delay } from "./retry.js";

const TRIES = 8; // in a row without a record: about a minute and a half
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** It cannot be fetched; the message says why. */
export class NotFetched extends Error {}

/**
 * Yield the contents of a file, a record at a time.
 * @param key of its package
 * @param file {path, size, url}, the size as it lies on the server
 * @param signal an AbortSignal that ends it
 * @param ask fetch, or what does the same
 */
export async function* opened(key, { path, size, url }, { signal, ask = fetch, wait = pause } = {}) {
  const inside = openSize(size);
  if (inside === null) throw new Damaged(`“${path}” does not have the size of an encrypted file.`);
  const sealer = await FileSealer.of(key, path, inside);
  const count = records(inside);
  let number = 0;
  let tries = 0;
  while (number < count) {
    try {
      for await (const record of sealedRecords(url, number, inside, signal, ask)) {
        let piece;
        try {
          piece = await sealer.open(number, record);
        } catch (error) {
          throw error instanceof Damaged ? new Damaged(`“${path}” is damaged: ${error.message}`) : error;
        }
        yield piece;
        number += 1;
        tries = 0;
      }
      if (number < count) throw new TypeError("cut");
    } catch (error) {
      if (error instanceof Damaged || error instanceof NotFetched || signal?.aborted) throw error;
      tries += 1;
      if (tries > TRIES) throw new NotFetched(`“${path}” makes no progress: the server does not answer.`);
      await wait(delay(tries - 1) * 1000);
    }
  }
}

async function* sealedRecords(url, first, inside, signal, ask) {
  const response = await ask(url, { signal, headers: first ? { Range: `bytes=${first * SEALED}-` } : {} });
  if (PASSING.has(response.status)) throw new TypeError("later");
  if (response.status !== (first ? 206 : 200)) throw new NotFetched(await reason(response));
  const reader = response.body.getReader();
  let number = first;
  let { length } = span(number, inside);
  let record = new Uint8Array(length);
  let filled = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      let at = 0;
      while (at < value.length) {
        const some = Math.min(value.length - at, length - filled);
        record.set(value.subarray(at, at + some), filled);
        filled += some;
        at += some;
        if (filled < length) continue;
        yield record;
        number += 1;
        if (number === records(inside)) return;
        ({ length } = span(number, inside));
        record = new Uint8Array(length);
        filled = 0;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function reason(response) {
  try {
    const { error } = await response.json();
    if (error) return error;
  } catch {
    // not one of the server's own answers
  }
  return `The server answers with an error (${response.status}).`;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
