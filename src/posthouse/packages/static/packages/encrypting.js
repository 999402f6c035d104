// The choice to encrypt, on the pages that send: whether, and with which passphrase.

import { sealedSize, writeEnvelope } from "./envelopes.js";
import { sealPackage } from "./sealing.js";

export const LEAST = 12; // characters: it is tried by machines, and nobody counts their tries
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"; // 32 that nobody takes for one another
const GROUPS = 5;

function by(id) {
  return document.getElementById(id);
}

/** A passphrase of 100 random bits. */
export function suggestion() {
  const random = crypto.getRandomValues(new Uint8Array(GROUPS * 4));
  const letters = [...random].map((byte) => LETTERS[byte % LETTERS.length]).join("");
  return letters.match(/.{4}/g).join("-");
}

/** What is wrong with a passphrase; "" if nothing is. */
export function complaint(passphrase) {
  if (!passphrase) return "Type a passphrase, or take one that is suggested.";
  const length = [...passphrase].length;
  return length < LEAST ? `The passphrase has ${length} characters. Type at least ${LEAST}: a few words make a good one.` : "";
}

export class Encryption {
  #box = by("encrypt"); // absent where packages are always encrypted
  #field = by("passphrase"); // absent where they never are
  #made = null;

  constructor(changed) {
    if (!this.#field) return;
    by("suggest").addEventListener("click", () => {
      this.#field.value = suggestion();
      changed();
      this.#field.select();
    });
    this.#field.addEventListener("input", changed);
    this.#box?.addEventListener("change", () => {
      by("encrypt-more").hidden = !this.#box.checked;
      changed();
      if (this.#box.checked) this.#field.focus();
    });
    by("encrypt-more").hidden = !this.wanted;
  }

  get wanted() {
    return Boolean(this.#field) && (this.#box?.checked ?? true);
  }

  /** Why it cannot be sent so; "" if it can. */
  get complaint() {
    if (!this.wanted) return "";
    if (!globalThis.crypto?.subtle) return "This browser cannot encrypt here: open the page by its https address.";
    return complaint(this.#field.value);
  }

  focus() {
    (this.wanted ? this.#field : this.#box)?.focus();
  }

  /** Return {envelope, key, sizeOf} for what is sent now: the same ones as long as the passphrase is the same. */
  async prepare() {
    if (!this.wanted) return { envelope: undefined, key: undefined, sizeOf: (size) => size };
    const passphrase = this.#field.value;
    if (this.#made?.passphrase !== passphrase) {
      const { envelope, key } = await sealPackage(passphrase);
      this.#made = { passphrase, envelope: writeEnvelope(envelope), key };
    }
    return { envelope: this.#made.envelope, key: this.#made.key, sizeOf: sealedSize };
  }
}
