// Menus are <details class="menu"> and work without this. It closes them on Escape, on a click elsewhere and when
// the focus leaves, so that they behave like the menus people know.

function close(menu) {
  menu.open = false;
}

function openMenus() {
  return document.querySelectorAll("details.menu[open]");
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const innermost = [...openMenus()].pop();
  if (!innermost) return;
  close(innermost);
  innermost.querySelector("summary").focus();
});

for (const happening of ["click", "focusin"]) {
  document.addEventListener(happening, (event) => {
    for (const menu of openMenus()) {
      if (!menu.contains(event.target)) close(menu);
    }
  });
}
