// One file's upload by tus 1.0 (https://tus.io), with the vendored tus-js-client: what the queue calls `begin`.

import { UNREADABLE, readable, watch, words } from "./request.js";
import { STRIDE, sealedReader } from "./sealed.js";

const SMALL = 1024 * 1024; // bytes: such a file goes up in the request that announces it

/**
 * Return `begin` for a queue.
 * @param access {uploads, right}: where uploads are made, and the right to make them (renewed in place)
 * @param key of an encrypted package
 */
export function uploader(access, key) {
  return (item, { progress, done, failed }) => {
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
        eye.moved();
        progress(bytes);
      },
      onSuccess: () => {
        eye.end();
        done();
      },
      onError: async (error) => {
        eye.end();
        const response = error.originalResponse;
        const status = response ? response.getStatus() : null;
        if (!status && !(await readable(item.file))) {
          failed(undefined, UNREADABLE);
          return;
        }
        if (status === 404 || status === 410) item.upload = null;
        failed(status, words(status, response?.getBody()));
      },
    });
    item.announced = true;

    const eye = watch(() => {
      upload.abort();
      failed(null, words(null));
    });
    upload.start();
    return () => {
      eye.end();
      upload.abort();
    };
  };
}
