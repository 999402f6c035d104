// Saving what a page makes, of any size, without holding it in memory.
// First choice: a service worker hands it to the browser as a download. Where there is none (a server whose certificate
// nobody vouches for, a private window) it is written into the site's own storage, and saved from there.

const PATIENCE = 5000; // milliseconds for the service worker to take the file
const AWAKE = 10_000; // milliseconds between words that keep it from being put to sleep
const PREFIX = "decrypted-";
const OLD = 24 * 3600 * 1000;

/** It cannot be saved; the message says why. */
export class NotSaved extends Error {}

/** Whoever saves it has stopped it in the browser's own list. */
export class Stopped extends Error {}

/**
 * Save a file.
 * @param worker the address of the service worker; downloads have addresses in the same folder
 * @param pieces an async iterator of its bytes
 */
export async function save(worker, name, size, pieces) {
  const active = await ready(worker);
  if (active && (await throughWorker(active, worker, name, size, pieces))) return;
  await throughStorage(name, pieces);
}

async function ready(address) {
  if (!navigator.serviceWorker) return null;
  try {
    const registration = await navigator.serviceWorker.register(address);
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    if (worker.state === "activated") return worker;
    await new Promise((done, fail) => {
      worker.addEventListener("statechange", () => {
        if (worker.state === "activated") done();
        if (worker.state === "redundant") fail(new Error("redundant"));
      });
    });
    return worker;
  } catch {
    return null;
  }
}

/** Return false if the worker did not take it; then nothing of `pieces` is used up. */
function throughWorker(worker, address, name, size, pieces) {
  const id = crypto.randomUUID();
  const { port1, port2 } = new MessageChannel();
  const frame = document.createElement("iframe");
  frame.hidden = true;
  const awake = setInterval(() => worker.postMessage("awake"), AWAKE);
  return new Promise((done, fail) => {
    let given = false; // up: whatever comes then comes too late
    const patience = setTimeout(() => {
      given = true;
      done(false);
    }, PATIENCE);
    port1.onmessage = async ({ data }) => {
      if (data === "ready") {
        frame.src = new URL(id, new URL(address, location.href));
        document.body.append(frame);
        return;
      }
      clearTimeout(patience);
      if (given) {
        port1.postMessage("fail");
        return;
      }
      if (data === "cancel") {
        fail(new Stopped("The download was stopped."));
        return;
      }
      try {
        const { value, done: over } = await pieces.next();
        if (over) {
          port1.postMessage("end");
          done(true);
        } else {
          // A view of a larger buffer would take all of it along.
          const bytes = value.byteLength === value.buffer.byteLength ? value : value.slice();
          port1.postMessage(bytes, [bytes.buffer]);
        }
      } catch (error) {
        port1.postMessage("fail");
        fail(error);
      }
    };
    worker.postMessage({ id, name, size }, [port2]);
  }).finally(() => {
    clearInterval(awake);
    setTimeout(() => frame.remove(), AWAKE);
  });
}

async function throughStorage(name, pieces) {
  const folder = await storage();
  const place = `${PREFIX}${Date.now()}-${crypto.randomUUID()}`;
  const handle = await folder.getFileHandle(place, { create: true });
  try {
    const out = await handle.createWritable();
    try {
      for await (const piece of pieces) await out.write(piece);
    } catch (error) {
      await out.abort().catch(() => {});
      throw error;
    }
    await out.close();
  } catch (error) {
    await folder.removeEntry(place).catch(() => {});
    if (error.name !== "QuotaExceededError") throw error;
    throw new NotSaved("This browser gives the site too little room for so large a file. Fetch it with “posthouse fetch”, or another browser.");
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await handle.getFile());
  link.download = name;
  link.click();
}

async function storage() {
  try {
    const folder = await navigator.storage.getDirectory();
    for await (const name of folder.keys()) {
      const since = Number(name.slice(PREFIX.length).split("-")[0]);
      if (name.startsWith(PREFIX) && since < Date.now() - OLD) await folder.removeEntry(name).catch(() => {});
    }
    return folder;
  } catch {
    throw new NotSaved("This browser cannot save decrypted files. Fetch them with “posthouse fetch”, or another browser.");
  }
}
