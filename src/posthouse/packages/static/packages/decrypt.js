// The page of an encrypted package: the passphrase, and downloads that are decrypted here.

import { bytes } from "../posthouse/format.js";
import { openSize } from "./envelopes.js";
import { opened } from "./opened.js";
import { Stopped, save } from "./saving.js";
import { openPackage } from "./sealing.js";
import { zip, zipSize } from "./zipping.js";

const section = document.getElementById("decrypt");
const field = document.getElementById("passphrase");
const problem = document.getElementById("decrypt-error");
const said = document.getElementById("decrypt-said");
const rows = document.getElementById("decrypt-files");
let key = null;
let contents = null;
let wanted = null; // what was clicked before the passphrase was typed
let running = 0;

function say(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

const form = document.getElementById("decrypt-form");
const button = form.querySelector("button");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  say("");
  try {
    contents ??= await ask(section.dataset.contents);
    key = await openPackage(contents.envelope, field.value);
    say(""); // somebody who clicked on a file meanwhile was told to type it
    event.target.hidden = true;
    document.getElementById("decrypt-open").hidden = false;
    said.textContent = "The passphrase is right.";
    const now = wanted;
    wanted = null;
    if (now) now();
    else document.getElementById("decrypt-heading").focus();
  } catch (error) {
    say(error.message);
    field.setAttribute("aria-invalid", "true");
    field.select();
  } finally {
    button.disabled = false;
  }
});

button.disabled = false; // before that nobody would have answered

field.addEventListener("input", () => field.removeAttribute("aria-invalid"));

document.addEventListener("click", (event) => {
  const address = event.target.closest("a")?.getAttribute("href");
  if (!address?.startsWith(section.dataset.downloads)) return;
  event.preventDefault();
  const what = address.slice(section.dataset.downloads.length);
  when(() => (what === "all.zip" ? saveZip(contents.files) : saveOne(what)));
});

document.getElementById("tree-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = new Set(new FormData(event.target).getAll("file").map(Number));
  if (chosen.size) when(() => saveZip(contents.files.filter((file) => chosen.has(file.number))));
});

/** Do something now, or as soon as the passphrase was typed. */
function when(act) {
  if (key) {
    act();
    return;
  }
  wanted = act;
  say("Type the passphrase first: the files are decrypted with it.");
  field.focus();
}

window.addEventListener("beforeunload", (event) => {
  if (running) event.preventDefault();
});

async function ask(address) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "application/json" } });
  } catch {
    throw new Error("The server does not answer. Try again in a moment.");
  }
  if (!response.ok || response.redirected) throw new Error("The package cannot be opened any more. Load the page again.");
  return response.json();
}

function saveOne(id) {
  const file = contents.files.find((one) => one.id === id);
  if (!file) return;
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  run(name, openSize(file.size) ?? 0, (count, signal) => count(piecesOf(file, signal)));
}

function saveZip(files) {
  const members = files.map((file) => ({ ...file, sealed: file, size: openSize(file.size) ?? 0 }));
  run(contents.zip, zipSize(members), (count, signal) =>
    count(zip(members, (member) => piecesOf(member.sealed, signal), new Date(contents.closed))),
  );
}

function piecesOf(file, signal) {
  return opened(key, { ...file, url: `${section.dataset.downloads}${file.id}` }, { signal });
}

/** Save something, with a row that shows how far it is. */
async function run(name, size, make) {
  const row = document.getElementById("decrypt-row").content.firstElementChild.cloneNode(true);
  const state = row.querySelector(".file-state");
  const bar = row.querySelector("progress");
  row.querySelector(".file-name").textContent = name;
  row.querySelector(".file-size").textContent = bytes(size);
  bar.setAttribute("aria-label", `Decrypted of ${name}`);
  rows.hidden = false;
  rows.prepend(row);
  const ending = new AbortController();
  const counted = async function* (pieces) {
    let done = 0;
    for await (const piece of pieces) {
      done += piece.length;
      bar.value = size ? done / size : 1;
      yield piece;
    }
  };
  running += 1;
  state.textContent = "Decrypting";
  try {
    await save(section.dataset.worker, name, size, make(counted, ending.signal));
    bar.value = 1;
    state.textContent = "Saved";
    said.textContent = `${name} is saved.`;
  } catch (error) {
    ending.abort();
    row.classList.add("file-failed");
    bar.hidden = true;
    state.textContent = error instanceof Stopped ? "Stopped" : "Failed";
    if (!(error instanceof Stopped)) say(`${error.message} Do not use what was saved of “${name}”.`);
  } finally {
    running -= 1;
  }
}
