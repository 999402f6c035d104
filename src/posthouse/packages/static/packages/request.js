// What the requests of an upload have in common: words for what fails, and an eye on whether bytes move.

const STALLED = 60_000; // milliseconds without a byte moving, which is not the same as slow

export const UNREADABLE = "It can no longer be read: it was changed, moved or deleted since it was chosen.";

/** What the server said, or a sentence for its silence. */
export function words(status, body) {
  if (!status) return "The server does not answer.";
  try {
    const { error } = JSON.parse(body);
    if (error) return error;
  } catch {
    // not one of the server's own answers: a proxy's page, say
  }
  return `The server answers with an error (${status}).`;
}

export async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Return {moved, end}: `stalled` is called when it was not said for too long that something moved. */
export function watch(stalled) {
  let timer = null;
  const end = () => clearTimeout(timer);
  const moved = () => {
    end();
    timer = setTimeout(stalled, STALLED);
  };
  moved();
  return { moved, end };
}
