// The entities as a list: for filters, for overview, and as the complete way for people who hear the page.

import { fill, make, percent } from "./dom.js";
import { textOf } from "./look.js";

const FILTERS = [
  ["all", "All", () => true],
  ["unsure", "Unsure", (item, looks) => looks.isUnsure(item)],
  ["suggested", "Suggested", (item, looks) => looks.isProposed(item)],
  ["decided", "Decided", (item, looks) => !looks.isProposed(item)],
];
const SHOWN = 120;

export class EntityList {
  constructor(root, page) {
    this.page = page;
    this.filter = "all";
    this.query = "";
    this.heading = make("h2", {});
    this.filters = make("div", { class: "choices", role: "group", "aria-label": "Show" });
    this.search = make("input", {
      type: "search",
      placeholder: "Text or type",
      "aria-label": "Filter by text or type",
      oninput: () => {
        this.query = this.search.value.trim().toLowerCase();
        this.show();
      },
    });
    this.list = make("ul", { class: "entities" });
    this.list.addEventListener("keydown", (event) => this.#move(event));
    this.missed = make("div", { class: "missed" });
    fill(root, this.heading, this.filters, this.search, this.list, this.missed);
  }

  show() {
    const { doc, looks } = this.page;
    const items = doc.inOrder();
    const chosen = FILTERS.find(([name]) => name === this.filter)[2];
    const matching = items.filter((item) => chosen(item, looks) && this.#matches(item));
    this.heading.textContent = `Entities · ${items.length}`;
    fill(
      this.filters,
      ...FILTERS.map(([name, text, test]) =>
        make("button", {
          type: "button",
          class: "choice",
          "aria-pressed": String(name === this.filter),
          text: `${text} ${items.filter((item) => test(item, looks)).length}`,
          onclick: () => {
            this.filter = name;
            this.show();
          },
        }),
      ),
    );
    // Around the one in focus: a list of thousands would take longer to make than a key press may.
    const focus = Math.max(0, matching.findIndex((item) => item.id === this.page.focused));
    const first = Math.max(0, Math.min(focus - SHOWN / 2, matching.length - SHOWN));
    const stop = matching.find((item) => item.id === this.page.focused) ?? matching[0];
    const rows = matching.slice(first, first + SHOWN).map((item) => this.#row(item, item === stop));
    if (matching.length > rows.length) {
      rows.push(make("li", { class: "note", text: `${matching.length - rows.length} more: filter to see them` }));
    }
    fill(this.list, ...rows);
    this.#showMissed();
  }

  #showMissed() {
    const open = this.page.readOnly ? [] : this.page.misses.open;
    const rows = open.map((miss) =>
      make(
        "li",
        {},
        make(
          "button",
          { type: "button", class: "entity", onclick: () => this.page.visit(miss) },
          make("span", { class: "text", text: miss.text, dir: "auto" }),
          make("span", { class: "probability", text: percent(miss.probability) }),
        ),
      ),
    );
    fill(
      this.missed,
      open.length ? make("h2", { text: `Maybe missed · ${open.length}` }) : null,
      open.length ? make("ul", { class: "entities" }, ...rows) : null,
    );
  }

  #matches({ data }) {
    if (!this.query) return true;
    const name = this.page.looks.nameOf(data.classId);
    return textOf(data).toLowerCase().includes(this.query) || name.toLowerCase().includes(this.query);
  }

  #row(item, isStop) {
    const { looks, focused } = this.page;
    const current = item.id === focused;
    const probability = item.data.confidence?.prob;
    const proposed = looks.isProposed(item) && typeof probability === "number";
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: `entity${looks.isUnsure(item) ? " unsure" : ""}`,
          "aria-current": current ? "true" : null,
          // One stop for Tab: arrows go through the list.
          tabindex: isStop ? "0" : "-1",
          data: { id: item.id },
          onclick: () => this.page.focus(item.id),
        },
        make("span", { class: "text", text: textOf(item.data), dir: "auto" }),
        make("span", { class: "probability", text: proposed ? percent(probability) : "" }),
        make("span", {
          class: "note",
          text: [looks.nameOf(item.data.classId), looks.stateOf(item, { numbered: false })].filter(Boolean).join(", "),
        }),
      ),
    );
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.shiftKey || event.altKey || event.ctrlKey) return;
    const buttons = [...this.list.querySelectorAll("button.entity")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    this.page.focus(Number(next.dataset.id));
    this.list.querySelector(`[data-id="${next.dataset.id}"]`)?.focus();
  }
}
