// A list of any length: only the rows in sight exist.

const SPARE = 6; // rows kept above and below those in sight

export class VirtualList {
  #box;
  #spacer;
  #make;
  #fill;
  #height;
  #rows = new Map();
  #items = [];

  /**
   * @param box the element that scrolls
   * @param height of a row in pixels; the style sheet says the same
   * @param make () => a row's element
   * @param fill (element, item) puts an item's facts into it; called again whenever they may differ
   */
  constructor(box, { height, make, fill }) {
    this.#box = box;
    this.#height = height;
    this.#make = make;
    this.#fill = fill;
    this.#spacer = document.createElement("ul");
    this.#spacer.className = "file-list";
    box.replaceChildren(this.#spacer);
    box.addEventListener("scroll", () => this.refresh(), { passive: true });
    new ResizeObserver(() => this.refresh()).observe(box);
  }

  show(items) {
    this.#items = items;
    this.#spacer.style.height = `${items.length * this.#height}px`;
    this.refresh();
  }

  /** Bring the rows in sight up to date. */
  refresh() {
    const top = this.#box.scrollTop;
    const first = Math.max(0, Math.floor(top / this.#height) - SPARE);
    const last = Math.min(this.#items.length, Math.ceil((top + this.#box.clientHeight) / this.#height) + SPARE);
    for (const [at, row] of this.#rows) {
      if (at < first || at >= last) {
        row.remove();
        this.#rows.delete(at);
      }
    }
    for (let at = first; at < last; at += 1) {
      let row = this.#rows.get(at);
      if (!row) {
        row = this.#make();
        row.style.top = `${at * this.#height}px`;
        this.#rows.set(at, row);
        this.#place(at, row);
      }
      row.setAttribute("aria-setsize", this.#items.length);
      row.setAttribute("aria-posinset", at + 1);
      this.#fill(row, this.#items[at]);
    }
  }

  /** Keep the rows in order in the document too: the keyboard and screen readers go by it. */
  #place(at, row) {
    let next = null;
    for (const [other, element] of this.#rows) {
      if (other > at && (next === null || other < next.other)) next = { other, element };
    }
    this.#spacer.insertBefore(row, next?.element ?? null);
  }
}
