// The differences as a list: for overview, and as the complete way for people who hear the page.

import { fill, make } from "../review/dom.js";

const SHOWN = 120;

export class DifferenceList {
  constructor(root, page) {
    this.page = page;
    this.openOnly = false;
    this.heading = make("h2", {});
    this.filters = make("div", { class: "choices", role: "group", "aria-label": "Show" });
    this.list = make("ul", { class: "entities" });
    this.list.addEventListener("keydown", (event) => this.#move(event));
    fill(root, this.heading, this.filters, this.list);
  }

  show() {
    const { decisions, current } = this.page;
    const { differences, open } = decisions;
    this.heading.textContent = `Differences · ${differences.length}`;
    fill(this.filters, this.#filter("All", false, differences.length), this.#filter("Undecided", true, open.length));
    const matching = this.openOnly ? differences.filter((one) => decisions.of(one.id) === null || one === current) : differences;
    // Around the one in focus: a list of thousands would take longer to make than a key press may.
    const focus = Math.max(0, matching.indexOf(current));
    const first = Math.max(0, Math.min(focus - SHOWN / 2, matching.length - SHOWN));
    const stop = matching.includes(current) ? current : matching[0];
    const rows = matching.slice(first, first + SHOWN).map((one) => this.#row(one, one === stop));
    if (matching.length > rows.length) rows.push(make("li", { class: "note", text: `${matching.length - rows.length} more` }));
    const isHere = this.list.contains(document.activeElement);
    fill(this.list, ...rows);
    // Whoever works in the list stays in it.
    if (isHere) this.list.querySelector("button[tabindex='0']")?.focus();
  }

  #filter(text, openOnly, number) {
    const onclick = () => {
      this.openOnly = openOnly;
      this.show();
    };
    return make("button", { type: "button", class: "choice", "aria-pressed": String(openOnly === this.openOnly), text: `${text} ${number}`, onclick });
  }

  #row(one, isStop) {
    const { words, decisions, current } = this.page;
    const choice = decisions.of(one.id);
    return make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          class: `difference${choice === null ? " open" : ""}`,
          "aria-current": one === current ? "true" : null,
          // One stop for Tab: arrows go through the list.
          tabindex: isStop ? "0" : "-1",
          data: { id: one.id },
          onclick: () => this.page.focus(one),
        },
        make("span", { class: "text", text: words.subject(one), dir: "auto" }),
        make("span", { class: "decision", text: words.decision(one, choice) }),
        make("span", { class: "note", text: [words.how(one), this.#says(one)].filter(Boolean).join(": ") }),
      ),
    );
  }

  #says(one) {
    const { words } = this.page;
    const sides = ["left", "right"].filter((side) => one[side] !== null);
    const texts = sides.map((side) => words.says(one, side).text);
    if (one.how === "borders") return sides.map((side) => `“${words.textOf(one[side].mark)}”`).join(" | ");
    return texts.join(" | ");
  }

  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.shiftKey || event.altKey || event.ctrlKey) return;
    const buttons = [...this.list.querySelectorAll("button.difference")];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    this.page.focus(this.page.decisions.byId.get(next.dataset.id));
  }
}
