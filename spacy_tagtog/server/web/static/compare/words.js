// A difference in words: what it is about, and what each side says. No DOM in here.

const AROUND = 28; // characters of the text beside an entity

const value = (one) => (one === true ? "yes" : one === false ? "no" : String(one));
const people = (who) => who.map((one) => one.replace(/^(user|ml):/, "")).join(", ");

export class Words {
  /** @param {object} given What the server answers about two versions. */
  constructor(given) {
    this.given = given;
    this.names = given.names;
    this.typeNames = new Map(this.names.types.map((type) => [type.id, type.name]));
    this.parts = new Map(given.parts.map((part) => [part.id, part]));
  }

  /** The name of a type, label, dictionary or relation. */
  nameOf(task) {
    const { labels, fields, dictionaries, relations } = this.names;
    const one = labels[task] ?? fields[task] ?? dictionaries[task] ?? relations[task];
    return this.typeNames.get(task) ?? one?.name ?? task;
  }

  textOf(mark) {
    return this.given.entities[mark].offsets.map((offset) => offset.text).join(" … ");
  }

  /** What a version is called, short enough for a button. */
  sideName(side) {
    return this.given[side].title;
  }

  /** What a difference is about. */
  subject(one) {
    if (one.kind === "entity") return this.textOf((one.left ?? one.right).mark);
    if (one.kind === "label") return `${this.textOf(one.at)}: ${this.nameOf(one.task)}`;
    if (one.kind === "relation") return this.#relation(one.left ?? one.right);
    return this.nameOf(one.task);
  }

  #relation({ ends, directed }) {
    return ends.map((end) => this.textOf(end)).join(directed ? " → " : " — ");
  }

  /** In what both differ. */
  how(one) {
    const what = { entity: "", label: "label, ", relation: "relation, ", "document label": "label of the document, " }[one.kind];
    const only = one.how === "only" && `only ${this.sideName(one.left === null ? "right" : "left")}`;
    return what + (only || { type: "other type", borders: "other borders", "type and borders": "other type and borders", value: "other value" }[one.how]);
  }

  /** What a side says: {text, more}; "more" is a list of details. */
  says(one, side) {
    const said = one[side];
    if (said === null) return { text: one.kind === "entity" || one.kind === "relation" ? "not there" : "no value", more: [] };
    if (one.kind === "relation") return { text: this.nameOf(one.task), more: [this.#relation(said)] };
    if (one.kind !== "entity") return { text: value(said.value), more: [] };
    const labels = Object.entries(said.labels).map(([task, one]) => `${this.nameOf(task)}: ${value(one)}`);
    return { text: this.nameOf(this.given.entities[said.mark].classId), more: [...labels, this.#state(said)].filter(Boolean) };
  }

  #state({ state, who, prob }) {
    const percent = typeof prob === "number" && prob < 1 ? `, ${Math.min(99, Math.round(prob * 100))} %` : "";
    if (state === "pre-added") return `suggested by ${people(who) || "a model"}${percent}`;
    return who.length ? `by ${people(who)}${percent}` : "";
  }

  /** The text around an entity: [before, entity, after]; null where its offsets are wrong. */
  around(mark, ranges) {
    if (!ranges) return null;
    const { text } = this.parts.get(this.given.entities[mark].part);
    const [start, end] = [Math.min(...ranges.map((one) => one[0])), Math.max(...ranges.map((one) => one[1]))];
    const from = Math.max(0, start - AROUND);
    const to = Math.min(text.length, end + AROUND);
    const cut = (piece) => piece.replace(/\s+/gu, " ");
    return [
      (from ? "…" : "") + cut(wellFormed(text.slice(from, start))),
      cut(text.slice(start, end)),
      cut(wellFormed(text.slice(end, to))) + (to < text.length ? "…" : ""),
    ];
  }

  /** What was decided, in words. */
  decision(one, choice) {
    if (choice === null) return "undecided";
    if (one.how === "only") return one[choice] === null ? "left out" : "taken";
    return { left: this.sideName("left"), right: this.sideName("right"), both: "both", neither: "neither" }[choice];
  }
}

/** A text without the half characters that cutting leaves at its ends. */
const wellFormed = (text) => text.replace(/^[\udc00-\udfff]/, "").replace(/[\ud800-\udbff]$/, "");
