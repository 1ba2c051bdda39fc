// The one place for decisions: what both sides say about the difference in focus.

import { fill, keyText, make } from "../review/dom.js";

const OTHERS = [
  ["both", "Both"],
  ["neither", "Neither"],
];

export class Card {
  /**
   * @param {HTMLElement} root
   * @param {object} page The page: its words, decisions, keys and actions.
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  #key(action) {
    const [first] = this.page.keys.keysOf(action);
    return first && this.page.keys.settings.on ? make("kbd", { text: keyText(first) }) : null;
  }

  show() {
    const { current, words, decisions } = this.page;
    if (!current) return this.#showNothing();
    const number = decisions.differences.indexOf(current) + 1;
    fill(
      this.root,
      make(
        "div",
        { class: "head" },
        make("strong", { text: words.subject(current), dir: "auto" }),
        make("span", { text: `${words.how(current)} · ${number} of ${decisions.differences.length}` }),
      ),
      make("div", { class: "sides" }, this.#side(current, "left"), this.#side(current, "right")),
      // Where one side has nothing, both and neither say nothing new.
      current.how === "only" ? null : make("div", { class: "choices" }, ...OTHERS.map(([choice, text]) => this.#other(current, choice, text))),
      this.#missing(current),
    );
  }

  #button(one, choice, more, ...children) {
    const given = {
      type: "button",
      "aria-pressed": String(this.page.decisions.of(one.id) === choice),
      disabled: this.page.readOnly || !one.choices.includes(choice),
      data: { choice },
      onclick: (event) => {
        this.page.act(choice);
        // Who pressed it with the keyboard goes on from here, not from the top of the page.
        if (event.detail === 0) this.root.querySelector(`[data-choice="${choice}"]`)?.focus();
      },
    };
    return make("button", { ...given, ...more }, ...children);
  }

  #side(one, side) {
    const { words } = this.page;
    const { text, more } = words.says(one, side);
    return this.#button(
      one,
      side,
      { class: `side ${side}${one[side] === null ? " nothing" : ""}` },
      make("span", { class: "version" }, this.#key(side), words.sideName(side)),
      make("span", { class: "says", text }),
      this.#context(one, side),
      ...more.map((line) => make("span", { class: "detail", text: line, dir: "auto" })),
    );
  }

  /** The entity within its text: borders are seen there. */
  #context(one, side) {
    const mark = one[side]?.mark;
    if (mark === undefined) return null;
    const pieces = this.page.around(mark);
    if (!pieces) return make("span", { class: "detail", text: "its offsets don't fit the text" });
    const [before, text, after] = pieces;
    return make("span", { class: "context", dir: "auto" }, before, make("b", { text }), after);
  }

  #other(one, choice, text) {
    return this.#button(one, choice, { class: "choice" }, this.#key(choice), text);
  }

  #missing(one) {
    if (!this.page.lacksAnEnd(one)) return null;
    return make("p", { class: "note", text: "One of its entities isn't taken: then the relation isn't, either." });
  }

  #showNothing() {
    const { given, words, readOnly } = this.page;
    if (!given) return fill(this.root);
    const both = `${words.sideName("left")} and ${words.sideName("right")}`;
    const text = given.differences.length
      ? "Press j for the first difference, or choose one in the text or the list."
      : `${both} say the same.${readOnly ? "" : " Enter saves it to master."}`;
    fill(this.root, make("p", { text }));
  }
}
