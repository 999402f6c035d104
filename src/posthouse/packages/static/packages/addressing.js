// Whom a package goes to: recipients, private ones, and who is told of it; and where it will go, before it is sent.

import { Recipients } from "./combobox.js";
import { showErrors } from "./errors.js";
import { ask } from "./server.js";

const CC = ["upload", "receipt", "download"];
const PATIENCE = 300; // milliseconds after the last change before the way is asked for

function by(id) {
  return document.getElementById(id);
}

export class Addressing {
  #way = by("way");
  #token;
  #timer = null;
  #asked = 0;
  #changed;
  #fields = {};
  #unclear = []; // sentences about names that stand beside what is wrong with those chosen

  /** @param token what protects the form's calls; @param changed is called when somebody is added or removed */
  constructor({ address, token, changed = () => {} }) {
    this.#token = token;
    this.#changed = changed;
    for (const id of ["to", "private", ...CC.map((event) => `cc-${event}`)]) {
      const errors = id.startsWith("cc-") ? "cc" : "recipients";
      this.#fields[id] = new Recipients({
        input: by(id),
        list: by(`${id}-list`),
        tokens: by(`${id}-tokens`),
        said: by(`${id}-said`),
        address,
        understand: (names) => ask(this.#way.dataset.named, token, { names }),
        complain: (sentences) => this.#complain(errors, sentences),
        changed: () => this.#change(errors),
      });
    }
  }

  /** How many were named, openly and privately. */
  get count() {
    return this.#fields.to.count + this.#fields.private.count;
  }

  /** The part of the call that names people. */
  get call() {
    return {
      recipients: this.#fields.to.logins,
      private: this.#fields.private.logins,
      cc: Object.fromEntries(CC.map((event) => [event, this.#fields[`cc-${event}`].logins])),
    };
  }

  /** Choose what was typed whole; return {field: [sentence]} for what is not clear. */
  async settle() {
    const errors = {};
    for (const [id, field] of Object.entries(this.#fields)) {
      const sentences = await field.settle();
      if (sentences.length) (errors[id.startsWith("cc-") ? "cc" : "recipients"] ??= []).push(...sentences);
    }
    this.#unclear = errors.recipients ?? [];
    return errors;
  }

  #complain(errors, sentences) {
    if (errors !== "cc") this.#unclear = sentences;
    showErrors({ [errors]: sentences });
  }

  #change(errors) {
    this.#complain(errors, []);
    this.#changed();
    if (errors === "cc") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), PATIENCE);
  }

  async #tell() {
    const asked = ++this.#asked;
    const { recipients, private: hidden } = this.call;
    if (!this.count) {
      this.#say("");
      return;
    }
    let way;
    try {
      way = await ask(this.#way.dataset.where, this.#token, { recipients, private: hidden });
    } catch {
      return; // sending asks again, and says what is wrong
    }
    if (asked !== this.#asked) return;
    showErrors({ recipients: [...this.#unclear, ...way.errors] });
    this.#say(inWords(way));
    if (way.outside) by("links")?.setAttribute("data-wanted", "yes");
  }

  #say(words) {
    this.#way.textContent = words;
  }
}

/** Where a package will go, in a sentence. */
export function inWords({ people, places }) {
  if (!people) return "";
  const each = places.map(({ name, here, people: some }) => `${number(some)} at ${name}${here ? " (this server)" : ""}`);
  return `Goes to ${number(people)} ${people === 1 ? "person" : "people"}: ${each.join(", ")}.`;
}

function number(count) {
  return count.toLocaleString("en");
}
