// Where the page begins: which document, of which project, is written on the body.

import { Page } from "./page.js";

const { owner, project, docid, member } = document.body.dataset;
const page = new Page({ owner, project, docid, member });

for (const button of document.querySelectorAll("button[data-action]")) {
  button.addEventListener("click", () => page.act(button.dataset.action));
}
for (const button of document.querySelectorAll("button.drawer")) {
  const drawer = document.getElementById(button.getAttribute("aria-controls"));
  button.addEventListener("click", () => {
    const open = drawer.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  });
  drawer.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drawer.classList.contains("open")) return;
    drawer.classList.remove("open");
    button.setAttribute("aria-expanded", "false");
    button.focus();
  });
}
page.start();
