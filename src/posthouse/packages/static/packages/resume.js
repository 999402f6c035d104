// The page of a package that is not all there: choose the same files again, and the upload goes on where it was.

import { watchDrop } from "./drop.js";
import { openSize } from "./envelopes.js";
import { match } from "./match.js";
import { isSame } from "./sealed.js";
import { WrongPassphrase, openPackage } from "./sealing.js";
import { stateOf } from "./server.js";
import { upload } from "./upload.js";

const section = document.getElementById("resume");
const problem = document.getElementById("resume-error");
const passphrase = document.getElementById("passphrase"); // absent unless the package is encrypted
const NAMED = 5;
let going = false;
let chosen = [];

function say(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

function named(files) {
  const names = files.slice(0, NAMED).map((file) => `“${file.path}”`);
  const more = files.length > NAMED ? ` and ${(files.length - NAMED).toLocaleString("en")} more` : "";
  return names.join(", ") + more;
}

watchDrop({
  wanted: () => !going,
  taken: async (files) => {
    if (going) return;
    const paths = new Set(files.map((file) => file.path));
    chosen = [...chosen.filter((file) => !paths.has(file.path)), ...files];
    await tryToGoOn();
  },
});

// Files that were chosen wait for the right passphrase.
passphrase?.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen.length && !going) tryToGoOn();
});

async function tryToGoOn() {
  try {
    await goOn();
  } catch (error) {
    if (error instanceof WrongPassphrase) {
      say(`${error.message} Type it once more.`);
      passphrase.focus();
    } else {
      say(`${error.message} Nothing is lost. Choose the files again in a moment.`);
    }
  }
}

async function goOn() {
  const state = await stateOf(section.dataset.state);
  if (state.right === null) {
    location.reload();
    return;
  }
  const { envelope } = state;
  const awaited = state.files.filter((file) => file.offset < file.size);
  const sizeOf = envelope ? openSize : (size) => size;
  const { pairs, missing, changed } = match(awaited.map((file) => ({ ...file, size: sizeOf(file.size) })), chosen);
  if (changed.length) {
    say(`${named(changed)} changed in size since the package was begun. Choose the files as they were, or discard the package and send a new one.`);
    return;
  }
  if (missing.length) {
    say(`Still to be chosen: ${named(missing)}. Files must have the same names and sizes as before.`);
    return;
  }
  const key = envelope ? await openPackage(envelope, passphrase.value) : undefined;
  if (key) {
    const same = await Promise.all(pairs.map(([want, file]) => isSame(key, want.path, file.file, want.marks)));
    const others = pairs.filter((_, at) => !same[at]).map(([want]) => want);
    if (others.length) {
      say(`${named(others)} changed since the package was begun. Choose the files as they were, or discard the package and send a new one.`);
      return;
    }
  }
  going = true;
  say("");
  section.hidden = true;
  document.getElementById("package-status").remove(); // its poll would load the page anew when the upload ends
  const files = new Map(pairs.map(([want, file]) => [want.path, file.file]));
  upload(state, files, { title: document.querySelector("h1").textContent.trim(), address: section.dataset.state, key });
}
