// The place to drop files on, and its two buttons. While something is dragged, the whole page is that place.

import { fromDrop, fromInput } from "./picked.js";

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

/** Call `taken(files, unreadable)` with what is dropped or chosen, and `reading()` before folders are read. */
export function watchDrop({ taken, reading = () => {}, wanted = () => true }) {
  const place = document.getElementById("drop");
  let depth = 0; // dragenter and dragleave come for every element on the way

  function over(active) {
    place.classList.toggle("drop-over", active);
  }

  document.addEventListener("dragenter", (event) => {
    if (!holdsFiles(event) || !wanted()) return;
    event.preventDefault();
    depth += 1;
    over(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (!depth) over(false);
  });
  document.addEventListener("dragover", (event) => {
    // Always: a file dropped beside the mark must not replace the page.
    if (holdsFiles(event)) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    if (!wanted()) return;
    reading();
    const { files, unreadable } = await fromDrop(event.dataTransfer);
    taken(files, unreadable);
  });

  for (const [button, field] of [["pick-files", "files-input"], ["pick-folder", "folder-input"]]) {
    const input = document.getElementById(field);
    document.getElementById(button).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      taken(fromInput(input), []);
      input.value = ""; // so that the same file can be chosen again
    });
  }
}
