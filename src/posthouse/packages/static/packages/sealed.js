// A file that is sealed while it goes up, record by record, as tus-js-client wants its files.

import { RECORD, SEALED, base64, records, sealedSize } from "./envelopes.js";
import { FileSealer } from "./sealing.js";

/** Bytes of one request at most: so much of each file that is on its way is in memory. */
export const STRIDE = 16 * SEALED;

/** Return what tus-js-client calls a file reader. `path` is the file's place in the package. */
export function sealedReader(key, path) {
  return { openFile: async (file) => new SealedSource(file, await FileSealer.of(key, path, file.size)) };
}

export class SealedSource {
  #file;
  #sealer;

  constructor(file, sealer) {
    this.#file = file;
    this.#sealer = sealer;
    this.size = sealedSize(file.size);
  }

  /** Return {value, done}: sealed bytes from `start` on, up to `end` at most. It ends at a record's end if it can. */
  async slice(start, end) {
    let stop = Math.min(end, this.size);
    const whole = Math.floor(stop / SEALED) * SEALED;
    if (stop < this.size && whole > start) stop = whole;
    const pieces = [];
    for (let number = Math.floor(start / SEALED); number * SEALED < stop; number += 1) {
      const at = number * SEALED;
      for (const [place, piece] of placed(at, await this.#record(number))) {
        if (place + piece.length <= start || place >= stop) continue;
        pieces.push(piece.subarray(Math.max(0, start - place), Math.min(piece.length, stop - place)));
      }
    }
    return { value: new Blob(pieces), done: stop >= this.size };
  }

  close() {}

  async #record(number) {
    return this.#sealer.seal(number, await pieceOf(this.#file, number));
  }
}

/** Pieces that follow one another from `at` on, each with its place. */
function placed(at, pieces) {
  let place = at;
  return pieces.map((piece) => {
    place += piece.length;
    return [place - piece.length, piece];
  });
}

/**
 * Whether a file is still the one whose upload was begun, as far as `marks` tell: [[record, nonce in base64]], the
 * beginnings of records that the server has.
 */
export async function isSame(key, path, file, marks) {
  const sealer = await FileSealer.of(key, path, file.size);
  for (const [number, nonce] of marks) {
    if (number >= records(file.size)) return false;
    if (base64(await sealer.nonce(number, await pieceOf(file, number))) !== nonce) return false;
  }
  return true;
}

async function pieceOf(file, number) {
  const piece = new Uint8Array(await file.slice(number * RECORD, (number + 1) * RECORD).arrayBuffer());
  const wanted = Math.min(RECORD, file.size - number * RECORD);
  if (piece.length !== wanted) throw new Error(`Only ${piece.length} of ${wanted} bytes could be read.`);
  return piece;
}
