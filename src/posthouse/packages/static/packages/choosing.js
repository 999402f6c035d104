// Choosing some of a package's files: how many, how much, and a button that is off while there are none.

import { bytes } from "../posthouse/format.js";

const form = document.getElementById("tree-form");
const all = document.getElementById("choose-all");
const boxes = [...form.querySelectorAll("input[name=file]")];

function show() {
  const chosen = boxes.filter((box) => box.checked);
  const size = chosen.reduce((sum, box) => sum + Number(box.dataset.size), 0);
  const files = `${chosen.length.toLocaleString("en")} ${chosen.length === 1 ? "file" : "files"}`;
  document.getElementById("chosen-count").textContent = chosen.length ? `${files}, ${bytes(size)}` : "None chosen";
  document.getElementById("fetch-chosen").disabled = !chosen.length;
  all.checked = chosen.length === boxes.length;
  all.indeterminate = chosen.length > 0 && !all.checked;
}

all.addEventListener("change", () => {
  for (const box of boxes) box.checked = all.checked;
  show();
});
form.addEventListener("change", show);
document.getElementById("choose-all-label").hidden = false;
show();
