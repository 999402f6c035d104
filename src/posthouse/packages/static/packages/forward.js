// Forward: the recipients and the words of a package whose files are at the server already.

import { Addressing } from "./addressing.js";
import { showErrors } from "./errors.js";
import { make } from "./server.js";
import { terms } from "./terms.js";

function by(id) {
  return document.getElementById(id);
}

const FIELDS = ["recipients", "cc", "title", "note", "terms", "outside"];
const form = by("forward");
let key = crypto.randomUUID();

const recipients = new Addressing({ address: form.dataset.people, token: form.elements.csrfmiddlewaretoken.value });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  by("send").disabled = true;
  fail("");
  showErrors(Object.fromEntries(FIELDS.map((field) => [field, []])));
  try {
    await send();
  } catch (error) {
    fail(`${error.message} It is not known whether the package was forwarded. Try again: it is made only once.`);
  }
  by("send").disabled = false;
});

async function send() {
  const unclear = await recipients.settle();
  if (Object.keys(unclear).length) {
    showErrors(unclear);
    by("to").focus();
    return;
  }
  const words = { title: by("title").value, note: by("note").value };
  const call = { ...words, ...recipients.call, ...terms(), files: [], key };
  const answer = await make(form.action, form.elements.csrfmiddlewaretoken.value, call);
  if (!answer.errors) {
    location.assign(answer.state.url);
    return;
  }
  key = crypto.randomUUID(); // nothing was made: what is sent next is another call
  showErrors(answer.errors);
  fail(FIELDS.some((field) => answer.errors[field]) ? "" : Object.values(answer.errors).flat().join(" "));
}

function fail(words) {
  by("send-error").textContent = words;
  by("send-error").hidden = !words;
}

by("send").disabled = false; // the page comes with the button off: without this script it could not send
