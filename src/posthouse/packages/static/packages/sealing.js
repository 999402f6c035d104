// Sealing files with a passphrase, and opening them again: the same bytes as posthouse.lib.sealing makes.
// Keys never leave the page: they are made and used by the browser's own WebCrypto.

import { EXTRA, ITERATIONS, KEY, NONCE, RECORD, SALT, readEnvelope, span } from "./envelopes.js";

const { subtle } = globalThis.crypto;
const text = new TextEncoder();
const WRAP = text.encode("posthouse envelope 1");

export class WrongPassphrase extends Error {
  constructor() {
    super("This is not the passphrase of the package.");
  }
}

export class Damaged extends Error {}

async function outerKey(passphrase, salt, iterations) {
  // The same letters, composed or not, are the same passphrase.
  const typed = await subtle.importKey("raw", text.encode(passphrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
  const way = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return subtle.deriveKey(way, typed, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function packageKey(raw) {
  return subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
}

/** Return {envelope, key} of a new package. The caller has judged the passphrase. */
export async function sealPackage(passphrase, raw = crypto.getRandomValues(new Uint8Array(KEY))) {
  const salt = crypto.getRandomValues(new Uint8Array(SALT));
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
  const outer = await outerKey(passphrase, salt, ITERATIONS);
  const wrapped = new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: WRAP }, outer, raw));
  return { envelope: { iterations: ITERATIONS, salt, nonce, wrapped }, key: await packageKey(raw) };
}

/** Return the key of a package, or throw WrongPassphrase. `value` is the object that describes its envelope. */
export async function openPackage(value, passphrase) {
  const { iterations, salt, nonce, wrapped } = readEnvelope(value);
  const outer = await outerKey(passphrase, salt, iterations);
  let raw;
  try {
    raw = await subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: WRAP }, outer, wrapped);
  } catch {
    throw new WrongPassphrase();
  }
  return packageKey(raw);
}

/** Seals and opens the records of one file: of this path in the package, and of this size in bytes (unsealed). */
export class FileSealer {
  #cipher;
  #mac;
  #said = null; // what a nonce is made of: one buffer for all records, for they are large

  constructor(size, cipher, mac) {
    this.size = size;
    this.#cipher = cipher;
    this.#mac = mac;
  }

  static async of(key, path, size) {
    const info = text.encode(`posthouse file 1\0${path.normalize("NFC")}`);
    const way = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
    const bits = new Uint8Array(await subtle.deriveBits(way, key, 2 * KEY * 8));
    const cipher = await subtle.importKey("raw", bits.slice(0, KEY), "AES-GCM", false, ["encrypt", "decrypt"]);
    const mac = await subtle.importKey("raw", bits.slice(KEY), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new FileSealer(size, cipher, mac);
  }

  #place(number) {
    const place = new Uint8Array(16);
    const view = new DataView(place.buffer);
    view.setBigUint64(0, BigInt(number));
    view.setBigUint64(8, BigInt(this.size));
    return place;
  }

  /** The nonce of a record: it depends on all that is in it, so no two records ever share one. */
  async nonce(number, piece) {
    this.#said ??= new Uint8Array(16 + Math.min(RECORD, this.size));
    this.#said.set(this.#place(number));
    this.#said.set(piece, 16);
    // WebCrypto takes its own copy before it returns, so the next record may come while this one is signed.
    const signed = subtle.sign("HMAC", this.#mac, this.#said.subarray(0, 16 + piece.length));
    return new Uint8Array(await signed).slice(0, NONCE);
  }

  /**
   * Return a record, in two pieces: its nonce, and the rest. The same bytes at the same place make the same record,
   * whenever it is made.
   */
  async seal(number, piece) {
    const { length } = span(number, this.size);
    if (piece.length !== length - EXTRA) throw new RangeError(`Record ${number} cannot have ${piece.length} bytes.`);
    const iv = await this.nonce(number, piece);
    const sealed = await subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.#place(number) }, this.#cipher, piece);
    return [iv, new Uint8Array(sealed)];
  }

  /** Return what is in a record, or throw Damaged. */
  async open(number, record) {
    const { length } = span(number, this.size);
    if (record.length !== length) throw new Damaged(`Record ${number} has ${record.length} bytes instead of ${length}.`);
    const way = { name: "AES-GCM", iv: record.subarray(0, NONCE), additionalData: this.#place(number) };
    try {
      return new Uint8Array(await subtle.decrypt(way, this.#cipher, record.subarray(NONCE)));
    } catch {
      throw new Damaged(`Byte ${number * RECORD} and those after it are not what was sent.`);
    }
  }
}
