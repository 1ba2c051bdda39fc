// Where the page begins: what is compared, of which project, is written on the body.

import { openDrawers } from "../review/drawers.js";
import { Page } from "./page.js";

const { owner, project, docid, left, right } = document.body.dataset;
const page = new Page({ owner, project, docid, left, right });

for (const button of document.querySelectorAll("button[data-action]")) {
  button.addEventListener("click", () => page.act(button.dataset.action));
}
openDrawers();
page.start();
