// The week: arrow keys move, dragging marks, headings mark a whole day or hour. Without it the boxes work one by one.

for (const table of document.querySelectorAll("[data-calendar]")) {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("input")]);
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  let paint = null;

  // One stop for the Tab key, not 168.
  const all = rows.flat();
  const stop = (at) => {
    for (const box of all) box.tabIndex = box === at ? 0 : -1;
  };
  stop(all[0]);
  table.addEventListener("focusin", (event) => {
    if (all.includes(event.target)) stop(event.target);
  });

  const markAll = (boxes) => {
    const on = !boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = on;
  };

  table.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const row = rows.findIndex((boxes) => boxes.includes(event.target));
    if (!step || row < 0) return;
    event.preventDefault();
    const column = rows[row].indexOf(event.target);
    const down = (row + step[0] + rows.length) % rows.length;
    rows[down][(column + step[1] + rows[down].length) % rows[down].length].focus();
  });

  table.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.target.type !== "checkbox") return;
    paint = !event.target.checked;
  });

  table.addEventListener("pointerover", (event) => {
    if (paint === null || event.target.type !== "checkbox") return;
    event.target.checked = paint;
  });

  // The box where dragging began is marked too; a plain click does that by itself.
  table.addEventListener("pointerout", (event) => {
    if (paint !== null && event.target.type === "checkbox") event.target.checked = paint;
  });

  document.addEventListener("pointerup", () => {
    paint = null;
  });

  table.addEventListener("click", (event) => {
    const heading = event.target.closest("th");
    if (!heading) return;
    if (heading.scope === "row") markAll(rows[heading.parentElement.rowIndex - 1]);
    else markAll(rows.map((boxes) => boxes[heading.cellIndex - 1]));
  });
}
