// The files that somebody has chosen to send: each path once, in the order in which folders are read. Pure.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Compare paths so that the files of a folder stay together and "take 2" comes before "take 10". */
export function inOrder(a, b) {
  const left = a.path.split("/");
  const right = b.path.split("/");
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const order = collator.compare(left[at], right[at]);
    if (order) return order;
  }
  return left.length - right.length || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

export class Choice {
  #byPath = new Map();
  #sorted = null;
  #size = 0;

  /** Take files ({path, size, file}); one with a path that is there already takes its place. */
  add(files) {
    for (const file of files) {
      this.#size += file.size - (this.#byPath.get(file.path)?.size ?? 0);
      this.#byPath.set(file.path, file);
    }
    this.#sorted = null;
  }

  remove(path) {
    const file = this.#byPath.get(path);
    if (!file) return;
    this.#size -= file.size;
    this.#byPath.delete(path);
    this.#sorted = this.#sorted?.filter((other) => other !== file) ?? null;
  }

  clear() {
    this.#byPath.clear();
    this.#sorted = null;
    this.#size = 0;
  }

  get(path) {
    return this.#byPath.get(path);
  }

  get files() {
    this.#sorted ??= [...this.#byPath.values()].sort(inOrder);
    return this.#sorted;
  }

  get count() {
    return this.#byPath.size;
  }

  /** Bytes of all. */
  get size() {
    return this.#size;
  }
}
