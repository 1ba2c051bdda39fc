// Labels: the values that a document or an entity may have, as buttons, or as a field where any text may be.

import { fill, keepingFocus, make } from "./dom.js";

/**
 * A choice of one label's value.
 * @param {{name: string, kind: string, values: string[]}} label
 * @param {*} value What is set; null where nothing is.
 * @param {boolean} disabled
 * @param {(value: *) => void} choose Gets null for "not set".
 */
export function labelChoice(label, value, disabled, choose) {
  if (label.kind === "string") {
    const input = make("input", {
      type: "text",
      value: value ?? "",
      disabled,
      onchange: () => choose(input.value || null),
    });
    return make("label", {}, `${label.name} `, input);
  }
  const values = label.kind === "bool" ? [[true, "yes"], [false, "no"]] : label.values.map((one) => [one, String(one)]);
  const buttons = [...values, [null, "?"]].map(([one, text]) =>
    make("button", {
      type: "button",
      class: "choice",
      disabled,
      "aria-pressed": String(one === value),
      "aria-label": one === null ? "not set" : null,
      text,
      onclick: () => choose(one),
    }),
  );
  return make(
    "div",
    { class: "choices", role: "group", "aria-label": label.name },
    make("span", { text: label.name }),
    ...buttons,
  );
}

/** The labels of the document, above its text. */
export class DocumentLabels {
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  show() {
    const { doc, given, readOnly } = this.page;
    const rows = Object.entries(given.labels ?? {}).map(([id, label]) =>
      labelChoice(label, doc.top.metas?.[id]?.value ?? null, readOnly, (value) => doc.labelDocument(id, value)),
    );
    this.root.hidden = !rows.length;
    keepingFocus(this.root, () => fill(this.root, ...rows));
  }
}
