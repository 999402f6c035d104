// Recipients: a combobox that completes names (WAI-ARIA combobox with a list box), and the people chosen so far.

import { namesIn } from "./pasted.js";
import { people } from "./server.js";

const PATIENCE = 150; // milliseconds after the last key before the server is asked
const QUOTED = 80; // characters of what is not clear that are said again
const SHOWN = 100; // tokens; of more people only the number is shown, so that ten thousand are no burden

export class Recipients {
  #chosen = new Map();
  #found = [];
  #active = -1;
  #timer = null;
  #asked = null;
  #changed;

  /** @param understand asks who is meant by pasted names: (names) => {people, errors} */
  constructor({ input, list, tokens, said, address, changed, understand, complain = () => {} }) {
    Object.assign(this, { input, list, tokens, said, address, understand, complain });
    this.#changed = changed;
    input.addEventListener("paste", (event) => this.#pasted(event));
    input.addEventListener("input", () => this.#typed());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => this.#left());
    // mousedown would take the focus from the field, and so close the list before the click
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#choose(this.#found[Number(option.dataset.at)]);
    });
    tokens.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.all) this.#removeAll();
      else if (button) this.#remove(button.dataset.login);
    });
    tokens.parentElement.addEventListener("click", (event) => {
      if (event.target === event.currentTarget || event.target === tokens) input.focus();
    });
    this.#typed(); // somebody may have been quicker than this script
  }

  get logins() {
    return [...this.#chosen.keys()];
  }

  get count() {
    return this.#chosen.size;
  }

  /** What is typed and was not chosen from the list. */
  get pending() {
    return this.input.value.trim();
  }

  focus() {
    this.input.focus();
  }

  /** Choose whoever was typed whole; return sentences about what is not clear. */
  async settle() {
    const typed = this.pending;
    if (!typed) return [];
    const names = namesIn(typed);
    if (names.length > 1 && this.understand) return this.#takeIn(names);
    const found = await people(this.address, typed);
    const same = (text) => text.toLowerCase() === typed.toLowerCase();
    const exact = found.filter((person) => same(person.login) || same(person.email) || same(person.name));
    const sure = exact.length === 1 ? exact : found.length === 1 ? found : [];
    if (!sure.length) {
      const quoted = typed.length > QUOTED ? `${typed.slice(0, QUOTED)}…` : typed;
      return [`“${quoted}” is not clear. Choose a name from the list, or clear the field.`];
    }
    this.#choose(sure[0]);
    return [];
  }

  #typed() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    const typed = this.pending;
    if (!typed) {
      this.#close();
      return;
    }
    this.#timer = setTimeout(() => this.#ask(typed), PATIENCE);
  }

  async #ask(typed) {
    const asked = (this.#asked = new AbortController());
    try {
      const found = await people(this.address, typed, asked.signal);
      if (asked.signal.aborted || this.pending !== typed) return;
      this.#show(found.filter((person) => !this.#chosen.has(person.login)), found.length);
    } catch (error) {
      if (!asked.signal.aborted) this.#show([], 0, error.message);
    }
  }

  #show(found, all, problem = "") {
    this.#found = found;
    this.list.replaceChildren(...found.map((person, at) => this.#option(person, at)));
    const none = problem || (all ? "Already chosen." : "Nobody of this name. Try the beginning of the name, user name or e-mail address.");
    if (!found.length) {
      const line = document.createElement("li");
      line.className = "option-none";
      line.setAttribute("role", "option");
      line.setAttribute("aria-disabled", "true");
      line.setAttribute("aria-selected", "false");
      line.textContent = none;
      this.list.append(line);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.said.textContent = found.length ? `${found.length} ${found.length === 1 ? "person" : "people"} found.` : none;
    this.#mark(found.length ? 0 : -1);
  }

  #option(person, at) {
    const option = document.createElement("li");
    option.id = `${this.input.id}-option-${at}`;
    option.className = "option";
    option.dataset.at = at;
    option.setAttribute("role", "option");
    for (const [name, text] of [["name", person.name], ["mail", person.email], ["home", person.home]]) {
      const part = document.createElement(name === "home" ? "span" : "bdi");
      part.className = `option-${name}`;
      part.textContent = text;
      option.append(part);
    }
    return option;
  }

  #mark(at) {
    this.#active = at;
    for (const [index, option] of [...this.list.querySelectorAll(".option")].entries()) {
      option.setAttribute("aria-selected", String(index === at));
      if (index === at) option.scrollIntoView({ block: "nearest" });
    }
    if (at < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `${this.input.id}-option-${at}`);
  }

  #key(event) {
    const open = !this.list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && open && this.#found.length) {
      event.preventDefault();
      this.#mark((this.#active + step + this.#found.length) % this.#found.length);
    } else if (step === 1 && !open && this.pending) {
      event.preventDefault();
      this.#ask(this.pending);
    } else if (event.key === "Enter") {
      event.preventDefault(); // never sends the package from here
      if (open && this.#active >= 0) this.#choose(this.#found[this.#active]);
      else this.#several(this.pending);
    } else if (event.key === "Tab" && open && this.#active >= 0 && this.pending) {
      this.#choose(this.#found[this.#active]);
      event.preventDefault();
    } else if ([",", ";"].includes(event.key)) {
      event.preventDefault();
      if (open && this.#active >= 0) this.#choose(this.#found[this.#active]);
    } else if (event.key === "Escape" && open) {
      event.stopPropagation();
      this.#close();
    } else if (event.key === "Backspace" && !this.input.value && this.#chosen.size) {
      this.#remove(this.logins.at(-1));
    }
  }

  #left() {
    this.#close();
  }

  #close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#mark(-1);
  }

  #choose(person) {
    this.#clear();
    this.#add(person);
    this.#more();
    this.said.textContent = `${person.name} added.`;
    this.#changed();
  }

  #clear() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    this.input.value = "";
    this.#close();
  }

  #add(person) {
    if (this.#chosen.has(person.login)) return;
    this.#chosen.set(person.login, person);
    if (this.#chosen.size <= SHOWN) this.tokens.append(this.#token(person));
  }

  #pasted(event) {
    if (this.#several(event.clipboardData?.getData("text") ?? "")) event.preventDefault();
  }

  /** Take in a text that names several; tell whether it does. A single name is text to go on with. */
  #several(text) {
    const names = namesIn(text);
    if (names.length < 2 || !this.understand) return false;
    this.#takeIn(names).then(this.complain);
    return true;
  }

  /** Several names at once are understood by the server together. Return sentences about those that are not. */
  async #takeIn(names) {
    const typed = this.pending;
    this.#clear();
    this.said.textContent = `${names.length.toLocaleString("en")} names are being looked up.`;
    try {
      const { people: found, errors } = await this.understand(names);
      for (const person of found) this.#add(person);
      this.#more();
      this.said.textContent = `${found.length.toLocaleString("en")} ${found.length === 1 ? "person" : "people"} added.`;
      this.#changed();
      return errors;
    } catch (error) {
      this.input.value = typed;
      return [`${error.message} Name them once more.`];
    }
  }

  #more() {
    this.tokens.parentElement.scrollTop = this.tokens.parentElement.scrollHeight;
    this.tokens.querySelector("[data-more]")?.remove();
    const hidden = this.#chosen.size - SHOWN;
    if (hidden <= 0) return;
    const rest = { login: "", name: `and ${hidden.toLocaleString("en")} more`, email: "", home: "" };
    const token = this.#token(rest);
    token.dataset.more = "yes";
    const button = token.querySelector("button");
    button.dataset.all = "yes";
    button.setAttribute("aria-label", "Remove all");
    button.title = "Remove all";
    this.tokens.append(token);
  }

  #removeAll() {
    this.#chosen.clear();
    this.tokens.replaceChildren();
    this.said.textContent = "All removed.";
    this.input.focus();
    this.#changed();
  }

  #token(person) {
    const token = document.getElementById("token-row").content.firstElementChild.cloneNode(true);
    token.dataset.login = person.login;
    token.title = person.home ? `${person.email}, at ${person.home}` : person.email;
    token.querySelector(".token-name").textContent = person.name;
    token.querySelector(".token-home").textContent = person.home;
    const button = token.querySelector("button");
    button.dataset.login = person.login;
    button.setAttribute("aria-label", `Remove ${person.name}`);
    return token;
  }

  #remove(login) {
    const person = this.#chosen.get(login);
    if (!person) return;
    this.#chosen.delete(login);
    [...this.tokens.children].find((token) => token.dataset.login === login)?.remove();
    const next = [...this.#chosen.values()][SHOWN - 1];
    if (next && this.tokens.children.length <= SHOWN) this.tokens.append(this.#token(next));
    this.#more();
    this.said.textContent = `${person.name} removed.`;
    this.input.focus();
    this.#changed();
  }
}
