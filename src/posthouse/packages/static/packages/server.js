// The calls to the server about a package: making one, and asking what it has.

const SILENT = "The server does not answer.";
const ODD = "The server gave an answer that this page does not understand. Load the page again, then try once more.";

/** Thrown when a call has no answer that can be used; the message is a sentence. */
export class CallFailed extends Error {}

async function json(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch {
    throw new CallFailed(SILENT);
  }
  if (response.redirected) {
    throw new CallFailed("You are logged out. Log in again in another window, then come back to this one.");
  }
  try {
    return { status: response.status, body: await response.json() };
  } catch {
    throw new CallFailed(response.status >= 500 ? `The server answers with an error (${response.status}).` : ODD);
  }
}

/** Make a package; return {state} or {errors: {field: [sentence]}}. */
export async function make(address, token, call) {
  const { status, body } = await json(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(call),
  });
  if (status === 201) return { state: body };
  if (body.errors) return { errors: body.errors };
  throw new CallFailed(body.error ?? ODD);
}

/** Return what the server has of a package. */
export async function stateOf(address) {
  const { status, body } = await json(address);
  if (status !== 200 || !Array.isArray(body.files)) throw new CallFailed(body.error ?? ODD);
  return body;
}

/** Ask something that takes more than an address; return the answer. */
export async function ask(address, token, question) {
  const { status, body } = await json(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(question),
  });
  if (status !== 200) throw new CallFailed(body.error ?? ODD);
  return body;
}

/** Return the people whose names begin with what was typed. */
export async function people(address, typed, signal) {
  const { body } = await json(`${address}?q=${encodeURIComponent(typed)}`, { signal });
  return body.people ?? [];
}
