// Uploading, document by document: how far each is, and why one is refused.

import { counted, make } from "../review/dom.js";

const AT_ONCE = 2;
const LARGEST = 256 * 2 ** 20;
const DONE = ["created", "present", "refused", "hidden"];

/** One document on its way. */
class Sending {
  constructor(files) {
    this.files = files;
    this.size = files.reduce((sum, one) => sum + (one.file?.size ?? 0), 0);
    this.result = "waiting";
    this.bar = make("progress", { max: 1, value: 0, "aria-label": this.name });
    this.said = make("span", { text: "waiting" });
    this.line = make("li", {}, make("span", { class: "names", text: this.name }), " ", this.bar, " ", this.said);
  }

  get name() {
    return this.files.map((one) => one.path).join(", ");
  }

  show(result, said, address = "") {
    this.result = result;
    this.line.className = result;
    this.said.textContent = said;
    this.bar.hidden = result !== "sending";
    if (address) this.line.firstChild.replaceChildren(make("a", { href: address, text: this.name }));
  }
}

export class Uploads {
  /**
   * @param {HTMLFormElement} form The form of the page: where to send, its token, the folder, the format.
   * @param {HTMLElement} place Where to show how far it is.
   */
  constructor(form, place) {
    this.form = form;
    this.place = place;
    this.all = [];
    this.running = 0;
    this.retry = place.querySelector("#retry");
    this.retry.addEventListener("click", () => this.again());
    addEventListener("beforeunload", (event) => {
      if (this.isBusy) event.preventDefault();
    });
  }

  get isBusy() {
    return this.all.some((one) => one.result === "waiting" || one.result === "sending");
  }

  /** Send documents, each a list of {file, path}. */
  add(documents) {
    const made = documents.map((files) => new Sending(files));
    this.all.push(...made);
    this.place.hidden = false;
    this.place.querySelector("ul").append(...made.map((one) => one.line));
    this.go();
  }

  again() {
    for (const one of this.all) if (one.result === "failed") one.show("waiting", "waiting");
    this.go();
  }

  go() {
    while (this.running < AT_ONCE) {
      const next = this.all.find((one) => one.result === "waiting");
      if (!next) break;
      this.running += 1;
      this.send(next)
        .catch(() => next.show("failed", "not known whether it was stored: the answer can't be read"))
        .finally(() => {
          this.running -= 1;
          this.go();
        });
    }
    this.report();
  }

  async send(one) {
    if (one.files.some(({ file }) => !file)) return one.show("refused", "the browser can't read this file");
    if (one.size > LARGEST) return one.show("refused", "larger than 256 MB: split it, or ask whoever runs the server");
    one.show("sending", "");
    const answer = await this.post(one);
    if (answer.status === 0) return one.show("failed", "not sent: no connection, or the file changed meanwhile");
    if (answer.status === 401) return one.show("failed", "not sent: you aren't logged in any more. Log in in another window, then try again");
    if (answer.status !== 200) {
      const [problem] = answer.responseText.split("\n");
      return one.show(answer.status >= 500 ? "failed" : "refused", problem || `error ${answer.status}`);
    }
    const outcomes = JSON.parse(answer.responseText).files;
    const worst = ["failed", "refused", "created", "present", "hidden"].find((result) => outcomes.some((outcome) => outcome.result === result));
    const said = outcomes.length > 1 ? outcomes.map((outcome) => `${outcome.names.join(", ")}: ${outcome.said}`) : outcomes.map((outcome) => outcome.said);
    return one.show(worst ?? "refused", said.join("; "), outcomes.find((outcome) => outcome.address)?.address);
  }

  post(one) {
    const body = new FormData();
    for (const name of ["token", "folder", "format"]) body.append(name, this.form.elements[name].value);
    for (const { file, path } of one.files) body.append("files", file, path);
    return new Promise((done) => {
      // Not fetch: it doesn't say how much is sent.
      const request = new XMLHttpRequest();
      request.open("POST", this.form.action);
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) one.bar.value = event.loaded / event.total;
      });
      request.addEventListener("loadend", () => done(request));
      request.send(body);
    });
  }

  report() {
    const number = (...results) => this.all.filter((one) => results.includes(one.result)).length;
    const done = number(...DONE, "failed");
    const bar = this.place.querySelector("progress");
    bar.max = this.all.length;
    bar.value = done;
    const parts = [
      [number("created"), "new"],
      [number("present"), "there already"],
      [number("refused"), "refused"],
      [number("hidden"), "left out"],
      [number("failed"), "not sent"],
    ];
    const said = parts.filter(([many]) => many).map(([many, what]) => `${many} ${what}`);
    this.place.querySelector("[role=status]").textContent =
      `${done} of ${counted(this.all.length, "document")} done${said.length ? `: ${said.join(", ")}` : ""}`;
    this.retry.hidden = this.isBusy || !number("failed");
    this.place.querySelector("#reload").hidden = this.isBusy || !number("created", "present");
  }
}
