// Which versions are compared, and what else can be done with them: copying and merging, each said in words before.

import { closeDialog, openDialog } from "../review/dialogs.js";
import { counted, fill, make } from "../review/dom.js";

const MODEL = "save:model";
const STRATEGIES = [
  ["majority_v1", "what more than half of them have"],
  ["union_v1", "everything that any of them has"],
  ["intersection_v1", "only what all of them have"],
  ["best_iaa_v1", "what the member has who agrees best with the others"],
];
const moment = (text) => `${text.slice(0, 10)} ${text.slice(11, 16)}`;

/** Ask before something is done: sentences, what the button says, and what it does. Escape and "Go back" do nothing. */
export function askFirst(title, sentences, text, then, { danger = false } = {}) {
  const go = make("button", {
    type: "button",
    class: danger ? "bad" : "good",
    text,
    onclick: () => {
      closeDialog();
      then();
    },
  });
  const back = make("button", { type: "button", text: "Go back", onclick: closeDialog });
  openDialog(
    make("h2", { text: title }),
    ...sentences.map((one) => make("p", { text: one })),
    make("div", { class: "choices" }, back, go),
  );
  (danger ? back : go).focus();
}

/** Options of a chooser, in groups: who has a version, the model's, earlier saves. */
export function fillChooser(select, listed, chosen) {
  const option = (side, text) => make("option", { value: side, text, selected: side === chosen });
  const group = (label, options) => (options.length ? make("optgroup", { label }, ...options) : null);
  const versions = listed.versions.map((one) => option(one.side, `${one.title}${one.complete ? " ✓ confirmed" : ""}`));
  const saves = listed.saves.map((one) =>
    option(one.side, `${one.member}, ${moment(one.saved)}${one.complete ? " ✓" : ""}: ${one.action}${one.author ? ` by ${one.author}` : ""}`),
  );
  fill(
    select,
    [...versions, ...saves].some((one) => one.selected) || chosen === MODEL ? null : option(chosen ?? "", chosen ? `${chosen} (not there)` : "choose"),
    group("Now", versions),
    group("Model", listed.has_model ? [option(MODEL, "the model's version, as pushed")] : []),
    group("Earlier saves", saves),
  );
  select.disabled = false;
}

/** The buttons below the text. */
export class VersionActions {
  /**
   * @param {HTMLElement} root
   * @param {object} page The page: what is listed and compared, its calls.
   */
  constructor(root, page) {
    this.root = root;
    this.page = page;
  }

  show() {
    const { listed, given } = this.page;
    const { may, user } = listed;
    const sides = given ? [given.left, given.right] : [];
    const copies = sides.flatMap((side) => [
      may.mine && side.side !== user ? this.#button(`Copy ${side.title} to me`, () => this.#askCopy(side, user)) : null,
      may.master && side.side !== "master" ? this.#button(`Copy ${side.title} to master`, () => this.#askCopy(side, "master")) : null,
    ]);
    const merge = may.merge ? this.#button("Merge all confirmed versions…", () => this.#askMerge()) : null;
    const buttons = [...copies, merge].filter(Boolean);
    this.root.hidden = !buttons.length;
    fill(this.root, make("h2", { text: "Copy and merge" }), make("div", { class: "choices" }, ...buttons));
  }

  #button(text, onclick) {
    return make("button", { type: "button", class: "choice", text, onclick });
  }

  #target(name) {
    return this.page.listed.versions.find((one) => one.side === name);
  }

  #askCopy(side, target) {
    const there = this.#target(target);
    const whose = target === "master" ? "master" : "your version";
    const title = `Copy ${side.title} to ${target === "master" ? "master" : "me"}`;
    if (there?.complete) {
      return openDialog(
        make("h2", { text: title }),
        make("p", { text: `This can't be done: ${whose} is confirmed. Open it again on the review page, then copy.` }),
        make("button", { type: "button", text: "Close", onclick: closeDialog }),
      );
    }
    const sentences = [
      `${side.title} (${counted(side.entities, "entity", "entities")}) becomes ${whose}, not confirmed.`,
      replaced(whose, there),
    ];
    askFirst(title, sentences, "Copy", () => this.page.copy(side, target, there), { danger: Boolean(there?.entities) });
  }

  #askMerge() {
    const { listed } = this.page;
    const confirmed = listed.versions.filter((one) => one.side !== "master" && one.complete).map((one) => one.title);
    if (!confirmed.length) {
      return openDialog(
        make("h2", { text: "Merge all confirmed versions" }),
        make("p", { text: "No member has confirmed a version of this document yet." }),
        make("button", { type: "button", text: "Close", onclick: closeDialog }),
      );
    }
    const preview = make("p", { role: "status" });
    const radios = STRATEGIES.map(([value, text], index) => {
      const input = make("input", { type: "radio", name: "strategy", value, checked: index === 0, onchange: () => this.#preview(value, preview) });
      return make("p", {}, make("label", {}, input, ` ${text}`));
    });
    const chosen = () => document.querySelector("input[name=strategy]:checked").value;
    const there = this.#target("master");
    const go = () => {
      const strategy = chosen();
      closeDialog();
      this.page.merge(strategy, there);
    };
    openDialog(
      make("h2", { text: "Merge all confirmed versions" }),
      make("p", { text: `The confirmed versions are those of ${confirmed.join(", ")}. Master becomes` }),
      make("div", { role: "group", "aria-label": "How to merge" }, ...radios),
      preview,
      make("p", { text: `${replaced("master", there)} It will not be confirmed.` }),
      make("div", { class: "choices" }, make("button", { type: "button", text: "Go back", onclick: closeDialog }), make("button", { type: "button", class: "bad", text: "Merge", onclick: go })),
    );
    this.#preview(STRATEGIES[0][0], preview);
  }

  async #preview(strategy, element) {
    element.textContent = "…";
    try {
      const made = await this.page.api.merge(strategy);
      const relations = made.relations?.length ?? 0;
      element.textContent = `Master would have ${counted(made.entities.length, "entity", "entities")}${relations ? ` and ${counted(relations, "relation")}` : ""}.`;
    } catch (error) {
      element.textContent = error.message;
    }
  }
}

/** What becomes of a version that is replaced. */
function replaced(whose, there) {
  const capital = whose[0].toUpperCase() + whose.slice(1);
  if (!there) return `${capital} isn't there yet, and is made.`;
  if (!there.entities) return `${capital} has no entity now. Its history keeps what else it has.`;
  const confirmed = there.complete ? " It is confirmed." : "";
  return `${capital} has ${counted(there.entities, "entity", "entities")} now:${confirmed} they are replaced. The history keeps them and can restore them.`;
}
