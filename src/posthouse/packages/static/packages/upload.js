// From what the server knows of a package, and the files, to a running upload.

import { bundler } from "./bundles.js";
import { Queue } from "./queue.js";
import { Sending } from "./sending.js";
import { stateOf } from "./server.js";
import { uploader } from "./tus.js";

/**
 * Begin, or go on with, the upload of a package.
 * @param state what `make` or `stateOf` returned
 * @param files a Map of path → File, for the files that are not complete
 * @param address where the state can be asked for again
 * @param key the package's, if it is encrypted: files are then sealed on their way
 */
export function upload(state, files, { title, address, key }) {
  const access = { uploads: state.uploads, bundles: state.bundles, right: state.right };
  const items = state.files.map((known) => ({ ...known, file: files.get(known.path) }));
  const queue = new Queue(items, {
    begin: uploader(access, key),
    bundle: access.bundles ? bundler(access, key) : null,
    ask: async () => {
      const now = await stateOf(address);
      if (now.right === null) {
        if (now.status === "error") throw new Error("The package was given up in the meantime. Send it anew.");
        return null;
      }
      access.right = now.right;
      return new Map(now.files.map((file) => [file.path, file]));
    },
  });
  const view = new Sending(queue, { title, finished: () => location.assign(state.url) });
  view.start();
}
