// Hands the browser what a page decrypts, as a download: the page tells what is to come and sends it through a port.
// It never sees a key, and no request of the site but those to its own folder goes through it.

const waiting = new Map(); // name in the address → {name, size, port}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  const { id, name, size } = event.data ?? {};
  if (!id || !event.ports[0]) return; // a word from time to time keeps the worker awake
  waiting.set(id, { name, size, port: event.ports[0] });
  event.ports[0].postMessage("ready");
});

self.addEventListener("fetch", (event) => {
  const id = new URL(event.request.url).pathname.split("/").pop();
  const found = waiting.get(id);
  if (!found) return;
  waiting.delete(id);
  event.respondWith(answer(found));
});

function answer({ name, size, port }) {
  const coded = encodeURIComponent(name).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  return new Response(streamOf(port), {
    headers: {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(size),
      "Content-Disposition": `attachment; filename*=UTF-8''${coded}`,
      // Whatever is in the file, no browser may run it as a page of ours.
      "Content-Security-Policy": "sandbox; default-src 'none'",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

function streamOf(port) {
  let next = null;
  return new ReadableStream(
    {
      start(controller) {
        port.onmessage = ({ data }) => {
          if (data instanceof Uint8Array) controller.enqueue(data);
          else if (data === "end") controller.close();
          else controller.error(new Error("The page gave up."));
          next?.();
          next = null;
        };
      },
      pull() {
        port.postMessage("pull");
        return new Promise((done) => {
          next = done;
        });
      },
      cancel() {
        port.postMessage("cancel");
      },
    },
    { highWaterMark: 2 },
  );
}
