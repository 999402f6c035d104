import assert from "node:assert/strict";
import { test } from "node:test";
import { bundler, headOf } from "../../../src/posthouse/packages/static/packages/bundles.js";
import { SealedSource } from "../../../src/posthouse/packages/static/packages/sealed.js";
import { FileSealer, sealPackage } from "../../../src/posthouse/packages/static/packages/sealing.js";

const ACCESS = { bundles: "/transfers/bundles", right: "right" };

/** A browser's request, which goes on when the test says so. */
class Request {
  static last;
  upload = {};
  headers = {};
  status = 0;
  aborted = false;

  open(method, address) {
    this.line = `${method} ${address}`;
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  send(body) {
    this.body = body;
    Request.last = this;
    Request.sent();
  }

  abort() {
    this.aborted = true;
  }

  answer(status, text) {
    Object.assign(this, { status, responseText: text });
    this.onload();
  }
}
globalThis.XMLHttpRequest = Request;

function itemOf(id, text) {
  const file = new Blob([text]);
  return { id, path: id, size: file.size, file };
}

/** Begin a bundle, and return what it says, and a promise of its request. */
function begin(items, key) {
  const said = [];
  const sent = new Promise((resolve) => (Request.sent = resolve));
  const answers = Object.fromEntries(
    ["progress", "done", "failed"].map((name) => [name, (...values) => said.push([name, ...values])]),
  );
  const stop = bundler(ACCESS, key)(items, answers);
  return { said, sent, stop };
}

async function split(blob) {
  const bytes = Buffer.from(await blob.arrayBuffer());
  const end = 4 + bytes.readUInt32BE();
  return { head: JSON.parse(bytes.subarray(4, end)), data: bytes.subarray(end) };
}

test("a bundle is its head's length, its head, and the bytes", async () => {
  const items = [itemOf("a", "one"), itemOf("é", "three")];
  assert.equal((await split(new Blob(headOf(items)))).data.length, 0);
  const { said, sent, stop } = begin(items);
  await sent;
  const { head, data } = await split(Request.last.body);
  assert.deepEqual([head, String(data)], [[["a", 3], ["é", 5]], "onethree"]);
  assert.deepEqual([Request.last.line, Request.last.headers.Authorization], ["POST /transfers/bundles", "Bearer right"]);
  Request.last.upload.onprogress({ loaded: 5 });
  Request.last.answer(200, '{"here": ["a"], "others": [["é", "why"]]}');
  assert.deepEqual(said, [["progress", 5], ["done", [items[1]]]]);
  stop();
});

test("files of an encrypted package are sealed first", async () => {
  const { key } = await sealPackage("a passphrase of some length");
  const files = { a: "one", b: "" };
  const items = Object.entries(files).map(([id, text]) => ({ ...itemOf(id, text), size: text.length + 28 }));
  const { sent, stop } = begin(items, key);
  await sent;
  const { head, data } = await split(Request.last.body);
  assert.deepEqual(head, [["a", 31], ["b", 28]]);
  const sealed = await new SealedSource(items[0].file, await FileSealer.of(key, "a", 3)).slice(0, 31);
  assert.deepEqual(data.subarray(0, 31), Buffer.from(await sealed.value.arrayBuffer()));
  stop();
});

test("a refusal is told in the server's words, silence in ours", async () => {
  const { said, sent } = begin([itemOf("a", "one"), itemOf("b", "two")]);
  await sent;
  Request.last.answer(507, '{"error": "The store has no room."}');
  assert.deepEqual(said, [["failed", 507, "The store has no room."]]);
  const silent = begin([itemOf("a", "one"), itemOf("b", "two")]);
  await silent.sent;
  await Request.last.onerror();
  assert.deepEqual(silent.said, [["failed", null, "The server does not answer."]]);
});

test("an answer that is not the server's own takes nothing", async () => {
  const items = [itemOf("a", "one"), itemOf("b", "two")];
  const { said, sent } = begin(items);
  await sent;
  Request.last.answer(200, "<html>");
  assert.deepEqual(said, [["done", items]]);
});

test("a file that cannot be read is told as that, when the request fails or before", async () => {
  const gone = itemOf("a", "one");
  gone.file.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("gone")) });
  const { said, sent } = begin([gone, itemOf("b", "two")]);
  await sent;
  await Request.last.onerror();
  assert.equal(said[0][1], undefined);
  assert.match(said[0][2], /can no longer be read/);
  const { key } = await sealPackage("a passphrase of some length");
  const sealed = begin([gone, itemOf("b", "two")], key);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.match(sealed.said[0][2], /can no longer be read/);
});

test("a bundle that is stopped says nothing and sends nothing", async () => {
  const { key } = await sealPackage("a passphrase of some length");
  const { said, stop } = begin([itemOf("a", "one"), itemOf("b", "two")], key);
  Request.last = null;
  stop();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([said, Request.last], [[], null]);
});
