// The form of a rule, and rules that are dragged to another place. Everything works without this: the buttons of a row
// move it, all LDAP fields are shown, and the server leaves out what does not count for external recipients.

for (const form of document.querySelectorAll("[data-rule-form]")) {
  const external = form.querySelector("[name=external]");
  const ofUsers = form.querySelector("[data-of-users]");
  const disable = () => {
    ofUsers.disabled = external.checked;
  };
  external.addEventListener("change", disable);
  disable();

  const pairs = [...form.querySelectorAll("[data-pair]")];
  const add = form.querySelector("[data-add-pair]");
  const used = (pair) => [...pair.querySelectorAll("input")].some((input) => input.value) || pair.querySelector(".field-errors");
  let shown = Math.max(1, pairs.findLastIndex(used) + 1);
  const show = () => {
    pairs.forEach((pair, number) => {
      pair.hidden = number >= shown;
    });
    add.hidden = shown === pairs.length;
  };
  add.addEventListener("click", () => {
    shown += 1;
    show();
    pairs[shown - 1].querySelector("input").focus();
  });
  show();

  const help = form.querySelector("[data-help]");
  if (matchMedia("(min-width: 992px)").matches) help.open = true;
}

const table = document.getElementById("rules");
if (table) {
  const rows = () => [...table.tBodies[0].rows];
  let dragged = null;

  const clear = () => {
    for (const row of rows()) row.classList.remove("drop-before", "drop-after");
  };
  // A row is below the place where it is dropped when the pointer is in its upper half.
  const before = (row, event) => {
    const box = row.getBoundingClientRect();
    return event.clientY < box.top + box.height / 2;
  };

  for (const row of rows()) {
    const handle = row.querySelector(".drag-handle");
    if (!handle) continue;
    handle.draggable = true;
    handle.addEventListener("dragstart", (event) => {
      dragged = row;
      row.classList.add("dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", row.dataset.place);
      event.dataTransfer.setDragImage(row, 0, 0);
    });
    handle.addEventListener("dragend", () => {
      row.classList.remove("dragged");
      dragged = null;
      clear();
    });
    row.addEventListener("dragover", (event) => {
      if (!dragged) return;
      event.preventDefault();
      clear();
      row.classList.add(before(row, event) ? "drop-before" : "drop-after");
    });
    row.addEventListener("drop", (event) => {
      if (!dragged) return;
      event.preventDefault();
      const from = Number(dragged.dataset.place);
      const edge = Number(row.dataset.place) + (before(row, event) ? 0 : 1);
      const to = edge > from ? edge - 1 : edge;
      if (to !== from) send(dragged, to);
    });
  }
}

// The form of the row's own buttons carries its address and its token.
function send(row, to) {
  const form = row.querySelector(".rule-actions form");
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = "to";
  field.value = String(to);
  form.append(field);
  form.submit();
}
