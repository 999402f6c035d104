// One file's upload by tus 1.0 (https://tus.io), with the vendored tus-js-client: what the queue calls `begin`.

import { STRIDE, sealedReader } from "./sealed.js";

const SMALL = 1024 * 1024; // bytes: such a file goes up in the request that announces it
const STALLED = 60_000; // milliseconds without a byte moving, which is not the same as slow

/** What the server said, or a sentence for its silence. */
function words(status, body) {
  if (!status) return "The server does not answer.";
  try {
    const { error } = JSON.parse(body);
    if (error) return error;
  } catch {
    // not one of the server's own answers: a proxy's page, say
  }
  return `The server answers with an error (${status}).`;
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * Return `begin` for a queue.
 * @param access {uploads, right}: where uploads are made, and the right to make them (renewed in place)
 * @param key of an encrypted package
 */
export function uploader(access, key) {
  return (item, { progress, done, failed }) => {
    let watch = null;
    const upload = new globalThis.tus.Upload(item.file, {
      endpoint: access.uploads,
      uploadUrl: item.upload ?? null,
      headers: { Authorization: `Bearer ${access.right}` },
      metadata: { file: item.id },
      // Bytes that are made on the way go up some at a time; others as the browser reads them.
      ...(key && { fileReader: sealedReader(key, item.path), chunkSize: STRIDE }),
      retryDelays: null, // the queue tries again, for all files together
      storeFingerprintForResuming: false, // the server knows what it has
      // Once only: an announcement that was lost may have left bytes there, and then the file must go on, not begin.
      uploadDataDuringCreation: item.size <= SMALL && !item.announced,
      onUploadUrlAvailable: () => {
        item.upload = upload.url;
      },
      onProgress: (bytes) => {
        watched();
        progress(bytes);
      },
      onSuccess: () => {
        clearTimeout(watch);
        done();
      },
      onError: async (error) => {
        clearTimeout(watch);
        const response = error.originalResponse;
        const status = response ? response.getStatus() : null;
        if (!status && !(await readable(item.file))) {
          failed(undefined, "It can no longer be read: it was changed, moved or deleted since it was chosen.");
          return;
        }
        if (status === 404 || status === 410) item.upload = null;
        failed(status, words(status, response?.getBody()));
      },
    });
    item.announced = true;

    function watched() {
      clearTimeout(watch);
      watch = setTimeout(() => {
        upload.abort();
        failed(null, "The server does not answer.");
      }, STALLED);
    }

    watched();
    upload.start();
    return () => {
      clearTimeout(watch);
      upload.abort();
    };
  };
}
