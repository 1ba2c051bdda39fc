// The one place for decisions: the entity in focus, always at the bottom of the text.

import { counted, fill, keepingFocus, keyText, make, percent } from "./dom.js";
import { labelChoice } from "./labels.js";
import { textOf } from "./look.js";

const MOST = 9; // types that are shown at once: each has a key

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
    const { types } = this.page.looks;
    // Nine have a key; one that is chosen is always there, the others are found by name.
    const shown = types.length > MOST ? types.filter(({ id }, index) => index < MOST || id === current) : types;
    const buttons = shown.map((type) => {
      const index = types.indexOf(type);
      return make(
        "button",
        {
          type: "button",
          class: `choice type${index % 10}`,
          "aria-pressed": String(type.id === current),
          title: type.description || null,
          onclick: () => choose(type.id),
        },
        index < MOST && this.page.keys.settings.on ? make("kbd", { text: String(index + 1) }) : null,
        type.name,
      );
    });
    const more = types.length > shown.length ? this.#button("types", `${types.length - shown.length} more`) : null;
    return make("div", { class: "choices", role: "group", "aria-label": "Type" }, ...buttons, more);
  }

  show() {
    // Whoever sets labels goes on from there. Decisions go on with the keys.
    const labels = this.root.querySelector("details.labels");
    if (labels?.contains(document.activeElement)) keepingFocus(this.root, () => this.#show());
    else this.#show();
  }

  #show() {
    const { doc, looks, marker, focused, readOnly } = this.page;
    if (marker.place) return this.#showMark(marker.place);
    const item = focused === null ? null : doc.entity(focused);
    if (!item) return this.#showNothing();
    const { data } = item;
    const head = make("div", { class: "head" }, make("strong", { text: textOf(data), dir: "auto" }), make("span", { text: looks.stateOf(item) }));
    fill(
      this.root,
      head,
      this.#elsewhere(textOf(data), item.id),
      readOnly ? make("p", { text: looks.nameOf(data.classId) }) : this.#types(data.classId, (id) => this.page.decisions.chooseType(id)),
      readOnly ? null : this.#decisions(item),
      this.#labels(item),
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
        this.#button("border", this.page.marker.atStart ? "Start" : "End", { "aria-label": `Border: ${this.page.marker.atStart ? "start" : "end"}` }),
        this.#button("wordLeft", "◀", { "aria-label": "Border one word to the left" }),
        this.#button("wordRight", "▶", { "aria-label": "Border one word to the right" }),
      ),
      this.#button("same", "All equal"),
      Object.keys(this.page.given.relations ?? {}).length ? this.#button("relation", "Relation") : null,
      Object.keys(this.page.given.dictionaries ?? {}).length ? this.#button("normalize", "Normalize") : null,
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

  /** The labels of an entity: closed until one is set or asked for, so that the card stays small. */
  #labels({ id, data }) {
    const known = Object.entries(this.page.given.fields ?? {});
    if (!known.length) return null;
    const { doc, readOnly } = this.page;
    const rows = known.map(([field, label]) =>
      labelChoice(label, data.fields?.[field]?.value ?? null, readOnly, (value) => doc.label(id, field, value)),
    );
    const open = this.labelsOpen || known.some(([field]) => field in (data.fields ?? {}));
    const ontoggle = (event) => {
      this.labelsOpen = event.target.open;
    };
    return make("details", { class: "labels", open, ontoggle }, make("summary", { text: "Labels" }), ...rows);
  }

  /** Go to the labels of the entity in focus. Gives whether it can have any. */
  openLabels() {
    const labels = this.root.querySelector("details.labels");
    if (!labels) return false;
    labels.open = true;
    labels.querySelector("button, input")?.focus();
    return true;
  }

  #details({ id, data }) {
    const rows = [];
    // A label that the settings don't know any more is shown, too.
    for (const [field, label] of Object.entries(data.fields ?? {})) {
      if (!(field in (this.page.given.fields ?? {}))) rows.push([field, String(label.value)]);
    }
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

  #showMark({ part, start, end }) {
    const text = this.page.doc.parts.get(part).text.slice(start, end);
    const { miss } = this.page.marker;
    const said = miss ? `the model may have missed it, ${percent(miss.probability)}: choose its type` : "marked: choose its type";
    fill(
      this.root,
      make("div", { class: "head" }, make("strong", { text, dir: "auto" }), make("span", { text: said })),
      this.#elsewhere(text),
      this.#types(null, (id) => this.page.decisions.chooseType(id)),
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
