// The entities as a list: for filters, for overview, and as the complete way for people who hear the page.

import { counted, fill, keepingFocus, make, percent } from "./dom.js";
import { textOf } from "./look.js";

const STATES = [
  ["all", "All", () => true],
  ["unsure", "Unsure", (item, looks) => looks.isUnsure(item)],
  ["suggested", "Suggested", (item, looks) => looks.isProposed(item)],
  ["decided", "Decided", (item, looks) => !looks.isProposed(item)],
];
const SHOWN = 120;
const ANY = "";

export class EntityList {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.state = "all";
    this.heading = make("h2", {});
    this.states = make("div", { class: "choices", role: "group", "aria-label": "Show" });
    this.search = make("input", {
      type: "search",
      placeholder: "Text or type",
      "aria-label": "Filter by text or type",
      oninput: () => this.show(),
    });
    this.filters = this.#makeFilters();
    this.list = make("ul", { class: "entities" });
    this.list.addEventListener("keydown", (event) => this.#move(event));
    this.missed = make("div", {});
    fill(root, this.heading, this.states, this.search, this.filters, this.list, this.missed);
  }

  // ------------------------------------------------------------------------------------------------------- filters

  #makeFilters() {
    const { looks, given } = this.page;
    const changed = () => this.show();
    const select = (name, options) =>
      make("select", { "aria-label": name, onchange: changed }, ...options.map(([value, text]) => make("option", { value, text })));
    this.type = select("Type", [[ANY, "every type"], ...looks.types.map(({ id, name }) => [id, name])]);
    const labels = Object.entries(given.fields ?? {}).flatMap(([id, { name, kind, values }]) => {
      const own = kind === "enum" ? values : kind === "bool" ? [true, false] : [];
      return [[JSON.stringify([id]), `with ${name}`], ...own.map((value) => [JSON.stringify([id, value]), `${name}: ${value}`])];
    });
    this.label = select("Label", [[ANY, "any label"], ...labels]);
    this.most = make("input", { type: "range", min: 0, max: 100, value: 100, "aria-label": "Probability at most", oninput: changed });
    this.mostText = make("span", { class: "note" });
    this.grouped = make("input", { type: "checkbox", onchange: changed });
    return make(
      "details",
      { class: "filters" },
      make("summary", { text: "More filters" }),
      this.type,
      labels.length ? this.label : null,
      make("label", {}, this.most, this.mostText),
      make("label", {}, this.grouped, " equal texts together"),
    );
  }

  #matches({ data }) {
    const query = this.search.value.trim().toLowerCase();
    const name = this.page.looks.nameOf(data.classId);
    if (query && !textOf(data).toLowerCase().includes(query) && !name.toLowerCase().includes(query)) return false;
    if (this.type.value !== ANY && data.classId !== this.type.value) return false;
    if (this.label.value !== ANY) {
      const [id, value] = JSON.parse(this.label.value);
      const set = data.fields?.[id];
      if (!set || (value !== undefined && set.value !== value)) return false;
    }
    // What has no probability is certain.
    return (data.confidence?.prob ?? 1) * 100 <= Number(this.most.value);
  }

  // ----------------------------------------------------------------------------------------------------------- rows

  show() {
    keepingFocus(this.root, () => this.#show());
  }

  #show() {
    const { doc, looks } = this.page;
    const items = doc.inOrder();
    const chosen = STATES.find(([name]) => name === this.state)[2];
    const matching = items.filter((item) => chosen(item, looks) && this.#matches(item));
    this.heading.textContent = `Entities · ${items.length}`;
    this.mostText.textContent = ` at most ${this.most.value} %`;
    fill(
      this.states,
      ...STATES.map(([name, text, test]) =>
        make("button", {
          type: "button",
          class: "choice",
          "aria-pressed": String(name === this.state),
          text: `${text} ${items.filter((item) => test(item, looks)).length}`,
          onclick: () => {
            this.state = name;
            this.show();
          },
        }),
      ),
    );
    this.#showRows(this.grouped.checked ? this.#groups(matching) : matching.map((item) => [item]));
    this.#showMissed();
  }

  /** Entities of equal texts together, in the order of their first. */
  #groups(items) {
    const groups = new Map();
    for (const item of items) {
      const text = textOf(item.data);
      if (!groups.has(text)) groups.set(text, []);
      groups.get(text).push(item);
    }
    return [...groups.values()];
  }

  #showRows(groups) {
    const { focused } = this.page;
    // Around the one in focus: a list of thousands would take longer to make than a key press may.
    const here = groups.findIndex((group) => group.some((item) => item.id === focused));
    const first = Math.max(0, Math.min(Math.max(0, here) - SHOWN / 2, groups.length - SHOWN));
    const stop = groups[Math.max(0, here)];
    const rows = groups
      .slice(first, first + SHOWN)
      .map((group) => (group.length > 1 ? this.#groupRow(group, group === stop) : this.#row(group[0], group === stop)));
    if (groups.length > rows.length) {
      rows.push(make("li", { class: "note", text: `${groups.length - rows.length} more: filter to see them` }));
    }
    fill(this.list, ...rows);
  }

  #row(item, isStop) {
    const { looks, focused } = this.page;
    const probability = item.data.confidence?.prob;
    const proposed = looks.isProposed(item) && typeof probability === "number";
    const said = [looks.nameOf(item.data.classId), looks.stateOf(item, { numbered: false })].filter(Boolean).join(", ");
    return this.#button(item, {
      isStop,
      isCurrent: item.id === focused,
      isUnsure: looks.isUnsure(item),
      number: proposed ? percent(probability) : "",
      said,
      onclick: () => this.page.focus(item.id),
    });
  }

  /** A group's button goes from one of its entities to the next. */
  #groupRow(group, isStop) {
    const { looks, focused } = this.page;
    const here = group.findIndex((item) => item.id === focused);
    const types = [...new Set(group.map((item) => item.data.classId))].map((type) => {
      const number = group.filter((item) => item.data.classId === type).length;
      return `${looks.nameOf(type)} ${number}`;
    });
    const left = group.filter((item) => looks.isProposed(item)).length;
    return this.#button(group[Math.max(0, here)], {
      isStop,
      isCurrent: here >= 0,
      isUnsure: group.some((item) => looks.isUnsure(item)),
      number: `${group.length} ×`,
      said: [...types, left ? `${left} to look at` : "decided"].join(", "),
      onclick: () => this.page.focus(group[(here + 1) % group.length].id),
    });
  }

  #button({ id, data }, { isStop, isCurrent, isUnsure, number, said, onclick }) {
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: `entity${isUnsure ? " unsure" : ""}`,
          "aria-current": isCurrent ? "true" : null,
          // One stop for Tab: arrows go through the list.
          tabindex: isStop ? "0" : "-1",
          data: { id },
          onclick,
        },
        make("span", { class: "text", text: textOf(data), dir: "auto" }),
        make("span", { class: "probability", text: number }),
        make("span", { class: "note", text: said }),
      ),
    );
  }

  #showMissed() {
    const open = this.page.readOnly ? [] : this.page.misses.open;
    const rows = open.map((miss) =>
      make(
        "li",
        {},
        make(
          "button",
          { type: "button", class: "missed", onclick: () => this.page.marker.visit(miss) },
          make("span", { class: "text", text: miss.text, dir: "auto" }),
          make("span", { class: "probability", text: percent(miss.probability) }),
          make("span", { class: "note", text: "the model may have missed it" }),
        ),
      ),
    );
    fill(
      this.missed,
      open.length ? make("h2", { text: counted(open.length, "likely miss", "likely misses") }) : null,
      open.length ? make("ul", { class: "entities" }, ...rows) : null,
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
