// New Package: from the form to the running upload.

import { bytes } from "../posthouse/format.js";
import { Addressing } from "./addressing.js";
import { Choice } from "./choice.js";
import { watchDrop } from "./drop.js";
import { Encryption } from "./encrypting.js";
import { showErrors } from "./errors.js";
import { make } from "./server.js";
import { terms } from "./terms.js";
import { upload } from "./upload.js";
import { VirtualList } from "./virtual.js";

function by(id) {
  return document.getElementById(id);
}

const FIELDS = ["recipients", "cc", "title", "note", "terms", "outside", "encryption", "files"];

const form = by("new-package");
const choice = new Choice();
let sent = false;
let last = { said: "", key: "" };

// People outside who were invited send to their inviter, and have nobody to choose.
const recipients = by("to")
  ? new Addressing({ address: form.dataset.people, token: form.elements.csrfmiddlewaretoken.value, changed: summarise })
  : null;

const list = new VirtualList(by("chosen"), {
  height: 44,
  make: () => by("chosen-row").content.firstElementChild.cloneNode(true),
  fill: (row, item) => {
    const name = row.querySelector(".file-name");
    name.textContent = name.title = item.path;
    row.querySelector(".file-size").textContent = bytes(item.size);
    const button = row.querySelector("button");
    button.dataset.path = item.path;
    button.setAttribute("aria-label", `Remove ${item.path}`);
  },
});

watchDrop({
  wanted: () => !sent,
  reading: () => {
    by("chosen-total").textContent = "Reading folders …";
  },
  taken: (files, unreadable) => {
    choice.add(files);
    const more = unreadable.length > 1 ? ` and ${unreadable.length - 1} more` : "";
    showErrors({ files: unreadable.length ? [`“${unreadable[0]}”${more} could not be read. Choose it again, or leave it out.`] : [] });
    showFiles();
  },
});

by("chosen").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const next = button.closest("li").nextElementSibling ?? button.closest("li").previousElementSibling;
  const path = next?.querySelector("button").dataset.path;
  choice.remove(button.dataset.path);
  showFiles();
  const neighbour = [...by("chosen").querySelectorAll("button")].find((other) => other.dataset.path === path);
  (neighbour ?? by("pick-files")).focus();
});

by("remove-all").addEventListener("click", () => {
  choice.clear();
  showFiles();
  by("pick-files").focus();
});

const encryption = new Encryption(() => showErrors({ encryption: [] }));

by("title").addEventListener("input", () => showErrors({ title: [] }));
by("note").addEventListener("input", () => showErrors({ note: [] }));

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sent) return;
  sent = true;
  busy(true);
  try {
    await send();
  } catch (error) {
    fail(`${error.message} Nothing was sent yet, and what you wrote is still here. Try again.`);
  } finally {
    busy(false);
  }
});

// What was written and chosen is lost with the page, until it is sent.
window.addEventListener("beforeunload", (event) => {
  if (!sent && (choice.count || recipients?.count || by("title").value || by("note").value)) event.preventDefault();
});

async function send() {
  fail("");
  showErrors(Object.fromEntries(FIELDS.map((field) => [field, []])));
  const unclear = (await recipients?.settle()) ?? {};
  const weak = encryption.complaint;
  const { envelope, key, sizeOf } = weak ? { sizeOf: (size) => size } : await encryption.prepare();
  const call = {
    title: by("title").value,
    note: by("note").value,
    ...(recipients && { ...recipients.call, ...terms() }),
    files: choice.files.map(({ path, size }) => ({ path, size: sizeOf(size) })),
    envelope,
  };
  const wrong = { ...unclear, ...(weak && { encryption: [weak] }) };
  const answer = Object.keys(wrong).length
    ? { errors: wrong }
    : await make(form.action, form.elements.csrfmiddlewaretoken.value, { ...call, key: keyOf(call) });
  if (answer.errors) {
    sent = false;
    showErrors(answer.errors);
    if (answer.errors.call) fail(answer.errors.call.join(" "));
    focusFirst(answer.errors);
    return;
  }
  form.hidden = true;
  const files = new Map(choice.files.map(({ path, file }) => [path, file]));
  upload(answer.state, files, { title: call.title.trim(), address: answer.state.again, key });
}

/** Name a call, so that the server makes one package of it however often it is said; another call has another name. */
function keyOf(call) {
  const said = JSON.stringify(call);
  if (said !== last.said) last = { said, key: crypto.randomUUID() };
  return last.key;
}

function fail(words) {
  const box = by("send-error");
  box.textContent = words;
  box.hidden = !words;
  if (words) sent = false;
}

function busy(active) {
  by("send").disabled = active;
  by("send").querySelector("span").textContent = active ? "Sending …" : "Send";
}

function showFiles() {
  const { files, count, size } = choice;
  by("chosen-total").textContent = count ? `${count.toLocaleString("en")} ${count === 1 ? "file" : "files"}, ${bytes(size)}` : "None chosen yet";
  by("chosen").hidden = !count;
  by("remove-all").hidden = count < 2;
  by("drop").classList.toggle("drop-small", count > 0);
  list.show(files);
  summarise();
}

function summarise() {
  const parts = [];
  if (choice.count) parts.push(by("chosen-total").textContent);
  if (recipients?.count) parts.push(`to ${recipients.count.toLocaleString("en")} ${recipients.count === 1 ? "name" : "names"}`);
  by("send-summary").textContent = parts.join(" ");
}

function focusFirst(errors) {
  const places = {
    recipients: by("to"),
    cc: by("cc-upload"),
    title: by("title"),
    note: by("note"),
    terms: by("days"),
    outside: by("link-password") ?? by("to"),
    encryption,
    files: by("pick-files"),
  };
  const first = FIELDS.find((field) => errors[field]?.length);
  if (first) places[first].focus();
}

if (!form.contains(document.activeElement)) (by("to") ?? by("title")).focus();
busy(false); // the page comes with the button off: without this script it could not send
