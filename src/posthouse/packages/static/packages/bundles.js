// Small files of a package, many in one request: what the queue calls `bundle`. See posthouse.lib.bundles.

import { UNREADABLE, readable, watch, words } from "./request.js";
import { sealedReader } from "./sealed.js";

export const EACH = 256 * 1024; // bytes of one file at most
export const BYTES = 2 * 1024 * 1024; // of all files in a bundle
export const FILES = 500;

/** What comes before the bytes of the files: the length of the head, and the head. */
export function headOf(items) {
  const head = new TextEncoder().encode(JSON.stringify(items.map(({ id, size }) => [id, size])));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length);
  return [length, head];
}

function listOf(answer) {
  try {
    return JSON.parse(answer).here ?? [];
  } catch {
    return []; // not the server's own answer: each goes alone then
  }
}

async function sealed(item, reader) {
  const source = await reader(item).openFile(item.file);
  return (await source.slice(0, item.size)).value;
}

async function bodyOf(items, key) {
  const reader = ({ path }) => sealedReader(key, path);
  const files = key ? await Promise.all(items.map((item) => sealed(item, reader))) : items.map(({ file }) => file);
  return new Blob([...headOf(items), ...files]);
}

/**
 * Return `bundle` for a queue.
 * @param access {bundles, right}: where bundles go, and the right to upload (renewed in place)
 * @param key of an encrypted package
 */
export function bundler(access, key) {
  return (items, { progress, done, failed }) => {
    const request = new XMLHttpRequest();
    let stopped = false;
    const eye = watch(() => {
      stop();
      failed(null, words(null));
    });

    function stop() {
      stopped = true;
      eye.end();
      request.abort();
    }

    request.upload.onprogress = ({ loaded }) => {
      eye.moved();
      progress(loaded); // with the head, which is hardly more than nothing
    };
    request.onload = () => {
      eye.end();
      const { status, responseText } = request;
      if (status !== 200) {
        failed(status, words(status, responseText));
        return;
      }
      const here = new Set(listOf(responseText));
      done(items.filter(({ id }) => !here.has(id)));
    };
    request.onerror = async () => {
      eye.end();
      const fine = await Promise.all(items.map(({ file }) => readable(file)));
      if (fine.every(Boolean)) failed(null, words(null));
      else failed(undefined, UNREADABLE);
    };
    bodyOf(items, key).then(
      (body) => {
        if (stopped) return;
        request.open("POST", access.bundles);
        request.setRequestHeader("Authorization", `Bearer ${access.right}`);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.send(body);
      },
      () => {
        if (stopped) return;
        eye.end();
        failed(undefined, UNREADABLE);
      },
    );
    return stop;
  };
}
