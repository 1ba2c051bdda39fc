// What is asked in a window of its own: keys, flags, and what two people changed at once.

import { fill, make } from "./dom.js";

const MAPS = [["own", "this page's keys"], ["tagtog", "tagtog's keys"]];
const dialog = () => document.getElementById("dialog");
const button = (text, onclick, more = {}) => make("button", { type: "button", text, onclick, ...more });

/** Show a window with something in it. */
export function openDialog(...children) {
  const element = dialog();
  element.oncancel = null;
  element.onclose = null;
  element.onkeydown = null;
  fill(element, ...children);
  element.setAttribute("aria-label", element.querySelector("h2")?.textContent ?? "");
  if (!element.open) element.showModal();
  return element;
}

export const closeDialog = () => dialog().close();

/** Ask for one of several things: [text, what then]. */
export function askChoice(question, choices) {
  const buttons = choices.map(([text, then]) =>
    button(text, () => {
      closeDialog();
      then();
    }, { class: "choice" }),
  );
  openDialog(make("h2", { text: question }), make("div", { class: "choices" }, ...buttons));
}

/** Ask for a type, found by its name or description. */
export function askType(types, current, then) {
  const search = make("input", { type: "search", "aria-label": "Find a type", placeholder: "Find a type" });
  const list = make("ul", { class: "found" });
  const choose = (type) => () => {
    closeDialog();
    then(type.id);
  };
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    const found = types.filter(({ name, description }) => `${name} ${description ?? ""}`.toLowerCase().includes(wanted));
    const rows = found.map((type) =>
      make(
        "li",
        {},
        button(type.name, choose(type), { class: "choice", "aria-pressed": String(type.id === current) }),
        type.description ? make("span", { class: "note", text: ` ${type.description}` }) : null,
      ),
    );
    fill(list, ...(rows.length ? rows : [make("li", { class: "note", text: "No type is called so." })]));
  };
  const buttons = () => [...list.querySelectorAll("button")];
  const element = openDialog(make("h2", { text: "Type" }), search, list);
  element.onkeydown = (event) => {
    const all = buttons();
    const at = all.indexOf(document.activeElement);
    if (event.key === "Enter" && at < 0 && all.length) {
      event.preventDefault();
      return all[0].click();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    (all[at + step] ?? (step < 0 ? search : all.at(-1)))?.focus();
  };
  search.addEventListener("input", show);
  show();
  search.focus();
}

/** What "accept all" and "all equal" take. */
function reviewChoices(keys) {
  const threshold = make("input", {
    type: "number",
    min: 1,
    max: 99,
    value: Math.round(keys.settings.threshold * 100),
    onchange: () => threshold.reportValidity() && keys.choose({ threshold: Number(threshold.value) / 100 }),
  });
  const anyCase = make("input", {
    type: "checkbox",
    checked: keys.settings.anyCase,
    onchange: () => keys.choose({ anyCase: anyCase.checked }),
  });
  return [
    make("p", {}, make("label", {}, "“Accept all” takes suggestions of at least ", threshold, " %")),
    make("p", {}, make("label", {}, anyCase, " “all equal” takes words that are written in another case, too")),
  ];
}

/** Show all keys; each can be changed or switched off. */
export function showKeys(keys, onClose, { note = "1 to 9 choose a type. ", maps = MAPS, choices = reviewChoices(keys) } = {}) {
  const rows = keys.actions.map(([action, what]) => {
    const given = () => (input.value.trim() ? input.value.trim().split(/\s+/) : []);
    const input = make("input", {
      value: keys.keysOf(action).join(" "),
      "aria-label": what,
      onchange: () => keys.change(action, given()),
    });
    return make("tr", {}, make("td", { text: what }), make("td", {}, input));
  });
  const on = make("input", {
    type: "checkbox",
    checked: keys.settings.on,
    onchange: () => keys.choose({ on: on.checked }),
  });
  const map = make(
    "select",
    {
      onchange: () => {
        keys.choose({ map: map.value });
        showKeys(keys, onClose, { note, maps, choices });
      },
    },
    ...maps.map(([value, text]) => make("option", { value, text, selected: keys.settings.map === value })),
  );
  const element = openDialog(
    make("h2", { text: "Keys and choices" }),
    ...choices,
    make("p", {}, make("label", {}, on, " single keys are on"), ...(maps.length > 1 ? [" · ", make("label", {}, "key map ", map)] : [])),
    make("p", { class: "note", text: `${note}Write several keys with spaces; empty: no key.` }),
    make("table", {}, make("tbody", {}, ...rows)),
    button("Close", closeDialog),
  );
  element.onclose = onClose;
}

/** Ask for a note for a colleague; gives it to "send", or null to take the flag away. */
export function askFlag(old, send) {
  const note = make("textarea", { rows: 3 });
  note.value = old ?? "";
  const done = (value) => () => {
    closeDialog();
    send(value);
  };
  openDialog(
    make("h2", { text: "Flag this document" }),
    make("p", {}, make("label", {}, "What should a colleague look at? ", note)),
    make(
      "div",
      { class: "choices" },
      button("Flag", () => done(note.value)(), { class: "good" }),
      old === null ? null : button("Take the flag away", done(null)),
      button("Cancel", closeDialog),
    ),
  );
  note.focus();
}

/**
 * Show what both changed, side by side. Theirs stays unless the person takes the own one.
 * @param {object[]} conflicts As merge.js gives them.
 * @param {(value: *) => string} say A value in words.
 * @param {(mine: object[]) => void} done The conflicts of which the own side stays.
 */
export function askConflicts(conflicts, say, done) {
  const rows = conflicts.map((conflict, index) => {
    const side = (value, checked) => make("input", { type: "radio", name: `conflict${index}`, value, checked });
    const mine = side("mine", false);
    const cell = (input, value) => make("td", {}, make("label", {}, input, ` ${say(value)}`));
    const row = make("tr", {}, cell(mine, conflict.mine), cell(side("theirs", true), conflict.theirs));
    return { conflict, mine, row };
  });
  const finish = () => {
    closeDialog();
    done(rows.filter(({ mine }) => mine.checked).map(({ conflict }) => conflict));
  };
  const element = openDialog(
    make("h2", { text: "Somebody else changed the same" }),
    make("p", { text: "Choose what stays. Everything else of both is kept." }),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, make("th", { text: "Mine" }), make("th", { text: "Theirs" }))),
      make("tbody", {}, ...rows.map(({ row }) => row)),
    ),
    button("Go on", finish, { class: "good" }),
  );
  element.oncancel = (event) => event.preventDefault();
}
