// The upload as people see it: how much, how fast, how long still, and what is wrong if something is.

import { bytes, duration, rate } from "../posthouse/format.js";
import { Rate } from "./rate.js";
import { VirtualList } from "./virtual.js";

const BEAT = 250; // milliseconds between two looks at the queue
const FEW = 100; // files: a list of so many keeps its order; a longer one shows first what is under way
const SAID_AT = [25, 50, 75];
const WORDS = { waiting: "Waiting", done: "Uploaded", failed: "Failed" };

function by(id) {
  return document.getElementById(id);
}

export class Sending {
  #queue;
  #rate = new Rate();
  #list;
  #timer = null;
  #title = document.title;
  #said = 0;
  #shownFailed = 0;
  #finished;

  /** @param finished called once, when every byte is there */
  constructor(queue, { title, finished }) {
    this.#queue = queue;
    this.#finished = finished;
    by("sending").hidden = false;
    by("sending-heading").textContent = `Sending “${title}”`;
    this.#list = new VirtualList(by("sending-files"), {
      height: 52,
      make: () => by("sending-row").content.firstElementChild.cloneNode(true),
      fill: fillRow,
    });
    by("pause").addEventListener("click", () => this.#pause());
    by("go-on").addEventListener("click", () => this.#goOn());
    by("try-now").addEventListener("click", () => queue.start());
    by("try-failed").addEventListener("click", () => queue.startFailed());
    window.addEventListener("online", () => {
      if (queue.state === "waiting") queue.start();
    });
    window.addEventListener("beforeunload", (event) => {
      if (queue.state !== "finished") event.preventDefault();
    });
  }

  start() {
    this.#queue.start();
    this.#timer = setInterval(() => this.#look(), BEAT);
    this.#look();
    by("sending-heading").focus();
  }

  #pause() {
    this.#queue.pause();
    this.#rate.pause();
    this.#look();
    by("go-on").focus();
    this.#say("Paused.");
  }

  #goOn() {
    this.#queue.start();
    this.#look();
    by("pause").focus();
    this.#say("Going on.");
  }

  #look() {
    const queue = this.#queue;
    if (queue.state === "finished") {
      clearInterval(this.#timer);
      this.#show(1);
      document.title = this.#title;
      by("sending-hint").hidden = true;
      by("pause").hidden = by("go-on").hidden = true;
      this.#say("Everything is uploaded.");
      this.#finished();
      return;
    }
    if (queue.state === "running") this.#rate.note(performance.now() / 1000, queue.sent);
    else this.#rate.pause();
    // The last file's last byte is still to be confirmed: never show more than 99 % before.
    this.#show(queue.size ? Math.min(0.99, queue.sent / queue.size) : 0.99);
  }

  #show(share) {
    const queue = this.#queue;
    const percent = Math.floor(share * 100);
    by("sending-progress").value = share;
    by("sending-percent").textContent = `${percent} %`;
    by("sending-bytes").textContent =
      `${bytes(queue.sent)} of ${bytes(queue.size)}, ${queue.doneCount.toLocaleString("en")} of ${queue.items.length.toLocaleString("en")} ${queue.items.length === 1 ? "file" : "files"}`;
    const running = queue.state === "running";
    by("sending-rate").textContent = running && this.#rate.speed ? rate(this.#rate.speed) : "";
    const left = running ? this.#rate.left(queue.size - queue.sent) : null;
    by("sending-left").textContent = left === null ? "" : left < 1 ? "almost there" : `${duration(left)} left`;
    by("pause").hidden = queue.state === "paused";
    by("go-on").hidden = queue.state !== "paused";
    document.title = `${percent} % – ${this.#title}`;
    this.#showWait();
    this.#showFailed();
    this.#list.show(ordered(queue));
    const passed = SAID_AT.filter((mark) => percent >= mark).at(-1) ?? 0;
    if (passed > this.#said) this.#say(`${passed} % uploaded.`);
    this.#said = Math.max(this.#said, passed);
  }

  #showWait() {
    const queue = this.#queue;
    const box = by("sending-wait");
    if (queue.state !== "waiting") {
      box.hidden = true;
      return;
    }
    const seconds = Math.max(0, Math.ceil((queue.retryAt - Date.now()) / 1000));
    const problem = navigator.onLine ? queue.problem : "This computer has no network connection.";
    by("sending-wait-text").textContent = `${problem} Trying again in ${seconds} s; nothing is lost.`;
    if (box.hidden) this.#say(`${problem} It is tried again by itself; nothing is lost.`);
    box.hidden = false;
  }

  #showFailed() {
    const { failed } = this.#queue;
    by("sending-failed").hidden = !failed.length;
    if (!failed.length) return;
    const [first] = failed;
    by("sending-failed-text").textContent =
      failed.length === 1
        ? `“${first.path}” could not be uploaded. ${first.problem}`
        : `${failed.length} files could not be uploaded. The first is “${first.path}”: ${first.problem}`;
    if (failed.length !== this.#shownFailed) this.#say(by("sending-failed-text").textContent);
    this.#shownFailed = failed.length;
  }

  #say(words) {
    by("sending-said").textContent = words;
  }
}

/** The order in which files are shown. */
function ordered(queue) {
  if (queue.items.length <= FEW) return queue.items;
  const rest = { waiting: [], done: [] };
  for (const item of queue.items) rest[item.state]?.push(item);
  return [...queue.failed, ...queue.active, ...rest.waiting, ...rest.done];
}

function fillRow(row, item) {
  row.dataset.state = item.state;
  const name = row.querySelector(".file-name");
  if (name.textContent !== item.path) name.textContent = name.title = item.path;
  const bar = row.querySelector("progress");
  bar.value = item.state === "done" ? 1 : item.size ? item.sent / item.size : 0;
  bar.setAttribute("aria-label", item.path);
  row.querySelector(".file-size").textContent = bytes(item.size);
  row.querySelector(".file-state").textContent =
    WORDS[item.state] ?? `${Math.floor((item.size ? item.sent / item.size : 0) * 100)} %`;
  row.title = item.problem ?? "";
}
