// Where the page begins: which document, of which project, is written on the body.

import { openDrawers } from "./drawers.js";
import { Page } from "./page.js";

const { owner, project, docid, member } = document.body.dataset;
const page = new Page({ owner, project, docid, member });

for (const button of document.querySelectorAll("button[data-action]")) {
  button.addEventListener("click", () => page.act(button.dataset.action));
}
openDrawers();
page.start();
