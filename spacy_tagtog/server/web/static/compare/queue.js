// The documents of which both versions differ, and how many are done.

import { counted, fill, make } from "../review/dom.js";

export class DocumentList {
  /**
   * @param {HTMLElement} root
   * @param {(docid: string) => void} open Opens a document.
   */
  constructor(root, open) {
    this.root = root;
    this.open = open;
  }

  /** @param {object|null} found As the server gives it; null where both are saves of one document. */
  show(found, current, names) {
    if (found === null) {
      return fill(this.root, make("h2", { text: "Documents that differ" }), make("p", { class: "note", text: "An earlier save is of this document alone." }));
    }
    const rows = found.documents.map((one) => this.#entry(one, current));
    const done = found.settled ? `${counted(found.settled, "document")} adjudicated.` : "";
    const more = found.is_complete ? "" : "There are more.";
    fill(
      this.root,
      make("h2", { text: "Documents that differ" }),
      make("p", { class: "note", text: `${names.join(" and ")}. ${done}` }),
      rows.length ? make("ul", {}, ...rows) : make("p", { class: "note", text: "No other document differs." }),
      more ? make("p", { class: "note", text: more }) : null,
    );
  }

  #entry({ docid, filename, differences }, current) {
    const address = new URLSearchParams(location.search);
    address.set("docid", docid);
    const note = differences === null ? "not compared yet" : counted(differences, "difference");
    const onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open(docid);
    };
    const link = { href: `?${address}`, "aria-current": docid === current ? "page" : null, onclick };
    return make("li", {}, make("a", link, filename, make("small", { text: note })));
  }
}
