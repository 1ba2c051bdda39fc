// What waits for the reviewer: the queue, flagged documents, and how far one is.

import { fill, make } from "./dom.js";

export class QueueList {
  /**
   * @param {HTMLElement} root
   * @param {(docid: string) => void} open Opens a document.
   */
  constructor(root, open) {
    this.root = root;
    this.open = open;
  }

  /** @param {{documents: object[], flagged: object[]}} queue As the server gives it. */
  show(queue, current) {
    const waiting = queue.documents.map((one) => this.#entry(one, one.why, current));
    const flagged = queue.flagged.map((one) => this.#entry(one, `“${one.flagged}”`, current));
    fill(
      this.root,
      make("h2", { text: "Your queue" }),
      waiting.length ? make("ul", {}, ...waiting) : make("p", { class: "note", text: "Nothing waits for you." }),
      flagged.length ? make("h2", { text: "Flagged" }) : null,
      flagged.length ? make("ul", {}, ...flagged) : null,
    );
  }

  #entry(one, note, current) {
    const address = new URLSearchParams(location.search);
    address.set("docid", one.docid);
    return make(
      "li",
      {},
      make(
        "a",
        {
          href: `?${address}`,
          "aria-current": one.docid === current ? "page" : null,
          onclick: (event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            this.open(one.docid);
          },
        },
        one.filename,
        note ? make("small", { text: note }) : null,
      ),
    );
  }
}
