// What a person decided about the differences of two versions. No DOM in here.
//
// A decision is kept with what stood there before: so undo has no limit.

export class Decisions {
  /**
   * @param {{id: string, choices: string[]}[]} differences As the server gives them.
   * @param {Object<string, string>} [kept] Decisions that were made before. Those that don't apply any more are left out.
   */
  constructor(differences, kept = {}) {
    this.differences = differences;
    this.byId = new Map(differences.map((one) => [one.id, one]));
    const applies = ([id, choice]) => this.byId.get(id)?.choices.includes(choice);
    this.made = new Map(Object.entries(kept).filter(applies));
    this.done = [];
    this.undone = [];
  }

  /** What was decided: "left", "right", "both", "neither", or null. */
  of(id) {
    return this.made.get(id) ?? null;
  }

  /** The differences that wait for a decision. */
  get open() {
    return this.differences.filter((one) => !this.made.has(one.id));
  }

  /**
   * Decide about some differences as one step; with null as the choice they wait again.
   * @returns {string[]|null} The ids of what changed; null where nothing did.
   */
  decide(ids, choice) {
    const step = ids
      .map((id) => ({ id, before: this.of(id), after: plain(this.byId.get(id), choice) }))
      .filter(({ id, before, after }) => before !== after && (after === null || this.byId.get(id).choices.includes(after)));
    if (!step.length) return null;
    this.#apply(step, "after");
    this.done.push(step);
    this.undone = [];
    return step.map((one) => one.id);
  }

  #apply(step, which) {
    for (const one of step) {
      if (one[which] === null) this.made.delete(one.id);
      else this.made.set(one.id, one[which]);
    }
  }

  /** Take back the last step. Gives the ids of what changed, or null. */
  undo() {
    const step = this.done.pop();
    if (!step) return null;
    this.#apply(step, "before");
    this.undone.push(step);
    return step.map((one) => one.id);
  }

  /** Make the step again that was taken back last. Gives the ids of what changed, or null. */
  redo() {
    const step = this.undone.pop();
    if (!step) return null;
    this.#apply(step, "after");
    this.done.push(step);
    return step.map((one) => one.id);
  }

  /** Whether a side of a difference is taken: true, false, or null where nothing is decided. */
  takes(id, side) {
    const choice = this.of(id);
    return choice === null ? null : choice === "both" || choice === side;
  }

  toJSON() {
    return Object.fromEntries(this.made);
  }
}

/** Where one side has nothing, both means the other one, and neither means nothing: two ways to say it would only confuse. */
function plain(one, choice) {
  if (one.how !== "only" || !["both", "neither"].includes(choice)) return choice;
  const having = one.left === null ? "right" : "left";
  return choice === "both" ? having : { left: "right", right: "left" }[having];
}
