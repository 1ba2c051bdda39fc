// The page of a project works without this. It makes uploads quicker: by dropping files, and one by one.

import { chosen, dropped, grouped } from "./files.js";
import { Uploads } from "./upload.js";

const panel = document.querySelector("#upload");
const form = panel.querySelector("form");
const [files, folder] = [form.querySelector("#files"), form.querySelector("#folder-of-files")];
const uploads = new Uploads(form, panel.querySelector("#uploads"));

function send(found) {
  panel.open = true;
  const place = panel.querySelector("#uploads");
  uploads.add(grouped(found));
  place.scrollIntoView({ block: "nearest" });
}

for (const one of panel.querySelectorAll(".with-script")) one.hidden = false;
const reload = panel.querySelector("#reload");
reload.href = location.pathname + location.search;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const found = [...chosen(files.files), ...chosen(folder.files)];
  if (!found.length) {
    files.setCustomValidity("Choose files, or a folder.");
    files.reportValidity();
    return;
  }
  send(found);
  files.value = "";
  folder.value = "";
});
files.addEventListener("change", () => files.setCustomValidity(""));
folder.addEventListener("change", () => files.setCustomValidity(""));

// The link to the form opens it.
const open = () => {
  if (location.hash === "#upload") {
    panel.open = true;
    files.focus();
  }
};
addEventListener("hashchange", open);
open();

// Dropping works anywhere on the page. What isn't a file, such as selected text, is none of ours.
const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
let inside = 0;
addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  inside += 1;
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!hasFiles(event)) return;
  inside -= 1;
  if (inside <= 0) document.body.classList.remove("dropping");
});
addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener("drop", async (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  inside = 0;
  document.body.classList.remove("dropping");
  send(await dropped(event.dataTransfer));
});
