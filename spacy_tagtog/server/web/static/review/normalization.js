// Normalization: which entry of a dictionary an entity is. A search in what people used before and in what was uploaded.
//
// The field for the search is a combobox as the ARIA Authoring Practices describe it: the focus stays in it, and
// aria-activedescendant says which entry of the list is meant. What Enter saves always stands in the fields Id and Name.

import { Refused, SignedOut } from "./api.js";
import { closeDialog, openDialog } from "./dialogs.js";
import { counted, fill, make } from "./dom.js";
import { textOf } from "./look.js";

const LIST = "entries";
const OFFLINE = "Offline: the dictionary can't be searched. Enter makes a new entry of what you type.";
const SIGNED_OUT = "You are logged out: the dictionary can't be searched. Enter makes a new entry of what you type.";
const LONGEST = 1000; // characters that the server takes, and that nobody looks up
const lastDictionary = new Map(); // entity type to the dictionary that was used last

/** The text by which the server knows an entity. */
const searched = (data) => data.offsets.map((offset) => offset.text).join(" ");
const shown = ({ id, name }) => [name, id].filter(Boolean).join(" · ");
const entryOf = (normalization) => ({ id: normalization?.source?.id ?? "", name: normalization?.recName ?? "" });
const same = (one, other) => one.id === other.id && one.name === other.name;

/**
 * Ask what an entity is in a dictionary.
 * @param {object} given
 * @param {object} given.data The entity.
 * @param {Object<string, {name: string}>} given.dictionaries
 * @param {object[]} given.entities All entities of the document.
 * @param {(query: object, signal: AbortSignal) => Promise<{entries: object[]}>} given.search
 * @param {(dictionary: string, entry: object|null) => void} given.save Gets null where the entity is nothing in it.
 */
export function askNormalization(given) {
  new NormalizationDialog(given).show();
}

class NormalizationDialog {
  constructor(given) {
    Object.assign(this, given);
    this.entries = [];
    this.active = -1;
    this.waiting = null; // the keys that came before the entries that they are for
    const own = Object.keys(this.data.normalizations ?? {}).find((id) => id in this.dictionaries);
    const chosen = own ?? lastDictionary.get(this.data.classId);
    this.chosen = chosen in this.dictionaries ? chosen : Object.keys(this.dictionaries)[0];
    this.list = make("ul", { id: LIST, role: "listbox", "aria-label": "Entries", onmousedown: (event) => event.preventDefault() });
    this.input = make("input", {
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      dir: "auto",
      "aria-label": "Search by name or id",
      "aria-autocomplete": "list",
      "aria-controls": LIST,
      "aria-expanded": "false",
      placeholder: "Search by name or id",
      maxlength: LONGEST,
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#pressed(event),
      onclick: () => this.#expand(true),
      onblur: () => this.#expand(false),
    });
    this.id = make("input", { autocomplete: "off", spellcheck: "false", dir: "auto" });
    this.name = make("input", { autocomplete: "off", dir: "auto" });
    this.status = make("p", { class: "note", role: "status" });
  }

  show() {
    const element = openDialog(
      make(
        "form",
        { class: "normalization", onsubmit: (event) => this.#submitted(event) },
        make("h2", { text: textOf(this.data), dir: "auto" }),
        this.#present(),
        this.#choice(),
        make("div", { class: "combobox" }, this.input, this.list),
        this.status,
        make("p", { class: "fields" }, make("label", {}, "Id ", this.id), make("label", {}, "Name ", this.name)),
        make(
          "div",
          { class: "choices" },
          make("button", { class: "good", text: "Save" }),
          make("button", { type: "button", text: "Nothing", onclick: () => this.#save(null) }),
          make("button", { type: "button", text: "Cancel", onclick: () => closeDialog() }),
        ),
      ),
    );
    // The event comes late: by then, the window may be open again for another entity.
    element.onclose = () => element.open || this.asking?.abort();
    this.#put(this.#own());
    this.input.focus();
    this.#ask();
  }

  /** What the entity is already, in each dictionary. */
  #present() {
    const rows = Object.entries(this.data.normalizations ?? {}).flatMap(([id, one]) => [
      make("dt", { text: this.dictionaries[id]?.name ?? id }),
      make("dd", { text: shown(entryOf(one)), dir: "auto" }),
    ]);
    return rows.length ? make("dl", {}, ...rows) : null;
  }

  #choice() {
    const all = Object.entries(this.dictionaries);
    if (all.length === 1) return make("p", { class: "note", text: all[0][1].name });
    const options = all.map(([value, { name }]) => make("option", { value, text: name, selected: value === this.chosen }));
    const change = (event) => {
      this.chosen = event.target.value;
      this.#typed();
    };
    return make("p", {}, make("label", {}, "Dictionary ", make("select", { onchange: change }, ...options)));
  }

  #own() {
    return entryOf(this.data.normalizations?.[this.chosen]);
  }

  #put({ id, name }) {
    this.id.value = id;
    this.name.value = name;
  }

  get typed() {
    return this.input.value.trim();
  }

  // ------------------------------------------------------------------------------------------------------- the search

  #typed() {
    this.#put(this.typed ? { id: this.typed, name: "" } : this.#own());
    this.#ask();
  }

  /** Ask for entries. Whoever asked before gets no answer any more. */
  async #ask() {
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    const { typed } = this;
    // What was found for another text must not be chosen by mistake: keys wait for what is found for this one.
    this.#list([]);
    this.waiting = { moves: [], saves: false };
    let found = [];
    let said = null;
    const text = searched(this.data).slice(0, LONGEST);
    try {
      found = (await this.search({ dictionary: this.chosen, search: typed, text }, signal)).entries;
    } catch (error) {
      said = error instanceof SignedOut ? SIGNED_OUT : error instanceof Refused ? error.message : OFFLINE;
    }
    if (signal.aborted) return;
    const here = this.#here(typed);
    const known = new Set(found.map(({ id, name }) => id || name));
    const entries = [...here.filter(({ id, name }) => !known.has(id || name)), ...found];
    this.#list(typed ? [...entries, { id: "", name: typed, isNew: true }] : entries);
    this.status.textContent = said ?? this.#summary(entries.length, typed);
    const { moves, saves } = this.waiting;
    this.waiting = null;
    moves.forEach((step) => this.#move(step));
    if (saves) this.#submit();
  }

  #summary(number, typed) {
    const entries = number ? counted(number, "entry", "entries") : "No entry";
    return typed ? `${entries}. Enter makes a new one, with the id ${typed}.` : number ? `${entries}: press ↓.` : "No entry yet: type one.";
  }

  /** What the same text is elsewhere in this document: not all of it has been saved yet, or to the master version. */
  #here(typed) {
    const found = new Map();
    for (const { data } of this.entities) {
      const one = data.normalizations?.[this.chosen];
      if (!one || data === this.data || data.confidence?.state || searched(data) !== searched(this.data)) continue;
      const entry = entryOf(one);
      if (typed && !shown(entry).toLowerCase().includes(typed.toLowerCase())) continue;
      found.set(entry.id || entry.name, { ...entry, isHere: true });
    }
    return [...found.values()].filter(({ id, name }) => id || name);
  }

  // --------------------------------------------------------------------------------------------------------- the list

  #list(entries) {
    this.entries = entries;
    fill(this.list, ...entries.map((entry, index) => this.#option(entry, index)));
    this.#activate(-1);
    this.#expand(document.activeElement === this.input);
  }

  #option(entry, index) {
    const { id, name, matched, isNew, isHere } = entry;
    const notes = [
      matched && `also ${matched}`,
      isHere && "in this document",
      entry.same_text && `${counted(entry.same_text, "time")} for this text`,
      !entry.same_text && entry.uses && counted(entry.uses, "time"),
    ].filter(Boolean);
    const given = { id: `entry${index}`, role: "option", "aria-selected": "false", onclick: () => this.#take(index) };
    if (isNew) return make("li", given, "New, with a name and no id: ", make("strong", { text: name, dir: "auto" }));
    return make(
      "li",
      given,
      make("strong", { text: name || id, dir: "auto" }),
      name && id ? make("span", { text: ` ${id}`, dir: "auto" }) : null,
      notes.length ? make("span", { class: "note", text: ` ${notes.join(" · ")}` }) : null,
    );
  }

  #expand(open) {
    const expanded = open && this.entries.length > 0;
    this.list.hidden = !expanded;
    this.input.setAttribute("aria-expanded", String(expanded));
    if (!expanded) this.input.removeAttribute("aria-activedescendant");
  }

  get #expanded() {
    return !this.list.hidden;
  }

  /** Mean an entry of the list; -1 for none. */
  #activate(index) {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = index;
    const option = this.list.children[index];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  #move(step) {
    const number = this.entries.length;
    if (this.waiting) this.waiting.moves.push(step);
    if (!number) return;
    this.#expand(true);
    const next = this.active < 0 ? (step > 0 ? 0 : number - 1) : (this.active + step + number) % number;
    this.#activate(next);
    this.#put(this.entries[next]);
  }

  #take(index) {
    this.#activate(index);
    this.#put(this.entries[index]);
    this.#expand(false);
    this.status.textContent = `Save: ${shown(this.entries[index])}`;
  }

  #pressed(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      if (event.altKey) this.#expand(event.key === "ArrowDown");
      else this.#move(steps[event.key]);
    } else if (event.key === "Escape" && this.#expanded) {
      // The first one closes the list, the next one the window.
      event.preventDefault();
      this.#activate(-1);
      this.#expand(false);
      this.#put(this.typed ? { id: this.typed, name: "" } : this.#own());
    } else if (event.key === "Enter" && event.isComposing) {
      event.preventDefault(); // it ends a word of an input method, and saves nothing
    }
  }

  // --------------------------------------------------------------------------------------------------------- the end

  #submitted(event) {
    event.preventDefault();
    if (this.waiting?.moves.length) this.waiting.saves = true;
    else this.#submit();
  }

  #submit() {
    const entry = { id: this.id.value.trim(), name: this.name.value.trim() };
    if (same(entry, this.#own())) return closeDialog();
    return this.#save(entry.id || entry.name ? entry : null);
  }

  #save(entry) {
    closeDialog();
    lastDictionary.set(this.data.classId, this.chosen);
    if (!entry && !this.data.normalizations?.[this.chosen]) return;
    const old = this.data.normalizations?.[this.chosen]?.source;
    const url = entry && old?.id === entry.id ? old.url : null;
    const source = this.dictionaries[this.chosen].name;
    this.save(this.chosen, entry && { source, id: entry.id || null, url, name: entry.name || null });
  }
}
