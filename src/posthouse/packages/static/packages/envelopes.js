// Sizes of sealed files, and the envelope of an encrypted package: the same as posthouse.lib.envelopes. Pure.

export const VERSION = 1;
export const RECORD = 1024 * 1024; // bytes of a file in every record but the last
export const NONCE = 12;
export const TAG = 16;
export const EXTRA = NONCE + TAG;
export const SEALED = RECORD + EXTRA;
export const KEY = 32;
export const SALT = 16;
export const ITERATIONS = 600_000;
export const MOST_ITERATIONS = 10_000_000;

/** The envelope is not one of this format. */
export class BadEnvelope extends Error {}

/** The number of records of a file; an empty file has one, too. */
export function records(size) {
  return Math.max(1, Math.ceil(size / RECORD));
}

/** Bytes of a file of `size` bytes once it is sealed. */
export function sealedSize(size) {
  return size + records(size) * EXTRA;
}

/** Bytes of the file that `sealed` bytes hold; null when no file has so many once it is sealed. */
export function openSize(sealed) {
  if (sealed < EXTRA) return null;
  const size = sealed - Math.ceil(sealed / SEALED) * EXTRA;
  return size >= 0 && sealedSize(size) === sealed ? size : null;
}

/** Where record `number` of a sealed file of `size` bytes (unsealed) lies: {offset, length}. */
export function span(number, size) {
  if (!(number >= 0 && number < records(size))) throw new RangeError(`A file of ${size} bytes has no record ${number}.`);
  return { offset: number * SEALED, length: Math.min(RECORD, size - number * RECORD) + EXTRA };
}

/** Return {iterations, salt, nonce, wrapped} of the object that describes an envelope. */
export function readEnvelope(value) {
  if (value?.version !== VERSION) throw new BadEnvelope(`The envelope is not of version ${VERSION}.`);
  const { iterations } = value;
  if (!Number.isInteger(iterations) || iterations < ITERATIONS || iterations > MOST_ITERATIONS) {
    throw new BadEnvelope("The envelope's iterations are out of bounds.");
  }
  return {
    iterations,
    salt: bytesOf(value.salt, SALT),
    nonce: bytesOf(value.nonce, NONCE),
    wrapped: bytesOf(value.wrapped, KEY + TAG),
  };
}

/** Return the object that describes an envelope. */
export function writeEnvelope({ iterations, salt, nonce, wrapped }) {
  return { version: VERSION, iterations, salt: base64(salt), nonce: base64(nonce), wrapped: base64(wrapped) };
}

export function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

function bytesOf(text, length) {
  let found = new Uint8Array();
  try {
    found = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    // told below
  }
  if (found.length !== length) throw new BadEnvelope(`The envelope holds something that is not ${length} bytes.`);
  return found;
}
