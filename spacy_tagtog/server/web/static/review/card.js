// The one place for decisions: the entity in focus, always at the bottom of the text.

import { counted, fill, keyText, make, percent } from "./dom.js";
import { textOf } from "./look.js";

export class Card {
  /**
   * @param {HTMLElement} root
   * @param {object} page The page: its document, looks, keys and actions.
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  #key(action) {
    const [first] = this.page.keys.keysOf(action);
    return first && this.page.keys.settings.on ? make("kbd", { text: keyText(first) }) : null;
  }

  #button(action, text, more = {}) {
    return make("button", { type: "button", onclick: () => this.page.act(action), ...more }, text, this.#key(action));
  }

  #types(current, choose) {
    const buttons = this.page.looks.types.map((type, index) =>
      make(
        "button",
        {
          type: "button",
          class: `choice type${index % 10}`,
          "aria-pressed": String(type.id === current),
          title: type.description || null,
          onclick: () => choose(type.id),
        },
        index < 9 && this.page.keys.settings.on ? make("kbd", { text: String(index + 1) }) : null,
        type.name,
      ),
    );
    return make("div", { class: "choices", role: "group", "aria-label": "Type" }, ...buttons);
  }

  show() {
    const { doc, looks, tentative, focused, readOnly } = this.page;
    if (tentative) return this.#showTentative(tentative);
    const item = focused === null ? null : doc.entity(focused);
    if (!item) return this.#showNothing();
    const { data } = item;
    const head = make("div", { class: "head" }, make("strong", { text: textOf(data), dir: "auto" }), make("span", { text: looks.stateOf(item) }));
    fill(
      this.root,
      head,
      this.#elsewhere(textOf(data), item.id),
      readOnly ? make("p", { text: looks.nameOf(data.classId) }) : this.#types(data.classId, (id) => this.page.chooseType(id)),
      readOnly ? null : this.#decisions(item),
      this.#details(item),
    );
  }

  #decisions(item) {
    const removal = item.data.confidence?.state === "pre-removed";
    return make(
      "div",
      { class: "decisions" },
      this.#button("accept", removal ? "Remove it" : "Accept", { class: "good" }),
      this.#button("reject", removal ? "Keep it" : "Reject", { class: "bad" }),
      make(
        "span",
        { class: "borders", role: "group", "aria-label": "Border" },
        this.#button("border", this.page.atStart ? "Start" : "End", { "aria-label": `Border: ${this.page.atStart ? "start" : "end"}` }),
        this.#button("wordLeft", "◀", { "aria-label": "Border one word to the left" }),
        this.#button("wordRight", "▶", { "aria-label": "Border one word to the right" }),
      ),
      this.#button("same", "All equal"),
      this.#button("relation", "Relation"),
    );
  }

  /** What people decided about the same text: in confirmed documents, and in this one. */
  #elsewhere(text, but = null) {
    const decided = Object.entries(this.page.given.elsewhere?.[text] ?? {}).map(([id, n]) => `${this.page.looks.nameOf(id)} ${n}`);
    const here = this.page.doc.entities.filter((other) => other.id !== but && textOf(other.data) === text).length;
    const said = [];
    if (decided.length) said.push(`in confirmed documents: ${decided.join(", ")}`);
    if (here) said.push(`${counted(here, "equal entity", "equal entities")} in this text`);
    return said.length ? make("p", { class: "note", text: said.join(" · ") }) : null;
  }

  #details({ id, data }) {
    const rows = [];
    for (const [field, label] of Object.entries(data.fields ?? {})) rows.push([this.page.fieldName(field), String(label.value)]);
    for (const [dictionary, one] of Object.entries(data.normalizations ?? {})) {
      rows.push([this.page.dictionaryName(dictionary), [one.recName, one.source?.id].filter(Boolean).join(" · ")]);
    }
    for (const relation of this.page.relations.of(id)) rows.push([relation.name, relation.text, relation.id]);
    if (!rows.length) return null;
    return make(
      "dl",
      {},
      ...rows.flatMap(([name, value, relation]) => [
        make("dt", { text: name }),
        make(
          "dd",
          { text: value, dir: "auto" },
        ),
        relation && !this.page.readOnly
          ? make("dd", {}, make("button", { type: "button", text: "Remove", "aria-label": `Remove the relation ${value}`, onclick: () => this.page.doc.unrelate(relation) }))
          : null,
      ]),
    );
  }

  #showTentative({ part, start, end }) {
    const text = this.page.doc.parts.get(part).text.slice(start, end);
    const { miss } = this.page;
    const said = miss ? `the model may have missed it, ${percent(miss.probability)}: choose its type` : "marked: choose its type";
    fill(
      this.root,
      make("div", { class: "head" }, make("strong", { text, dir: "auto" }), make("span", { text: said })),
      this.#elsewhere(text),
      this.#types(null, (id) => this.page.chooseType(id)),
      make(
        "div",
        { class: "decisions" },
        miss ? this.#button("reject", "Nothing here", { class: "bad" }) : null,
        this.page.focused === null ? null : this.#button("fragment", "Add to the current entity"),
        this.#button("leave", "Cancel"),
      ),
    );
  }

  #showNothing() {
    const { doc, given, readOnly } = this.page;
    const left = doc.entities.filter((item) => this.page.looks.isProposed(item)).length;
    const said = doc.confirmed
      ? "This document is confirmed. Open it again to change something."
      : !doc.entities.length
        ? "Nothing is marked yet. Double-click a word, or press n. Confirm the document when you are done."
        : left
          ? `${counted(left, "suggestion")} to look at: press j.`
          : "Everything is decided. Confirm the document when you are done.";
    fill(
      this.root,
      make("p", { class: "note", text: readOnly && !doc.confirmed ? "You may look at this version, not change it." : said }),
      doc.confirmed && given.may_edit
        ? make("button", { type: "button", text: "Open it again", onclick: () => this.page.reopen() })
        : null,
    );
  }
}
