// How entities look and what is said of them, the same in the text, in the list and on the card.

import { percent } from "./dom.js";

export const UNSURE = 0.8;

export class Looks {
  /**
   * @param {{id: string, name: string}[]} types The project's entity types, in the order of the legend.
   */
  constructor(types) {
    this.types = types;
    this.number = new Map(types.map((type, index) => [type.id, index]));
    this.alwaysProbabilities = false;
  }

  nameOf(classId) {
    return this.types[this.number.get(classId)]?.name ?? classId;
  }

  isProposed({ data }) {
    return ["pre-added", "pre-removed"].includes(data.confidence?.state);
  }

  isUnsure(item) {
    const probability = item.data.confidence?.prob;
    return this.isProposed(item) && typeof probability === "number" && probability < UNSURE;
  }

  /** What the text shows of an entity. */
  of(item) {
    const { data } = item;
    const unsure = this.isUnsure(item);
    const probability = data.confidence?.prob;
    const numbered = typeof probability === "number" && this.isProposed(item) && (unsure || this.alwaysProbabilities);
    const name = this.nameOf(data.classId);
    return {
      type: this.number.get(data.classId) ?? 9,
      label: numbered ? `${name} ${percent(probability)}` : name,
      suggested: data.confidence?.state === "pre-added",
      removed: data.confidence?.state === "pre-removed",
      unsure,
    };
  }

  /** Its state in words; with its probability unless that is said elsewhere. */
  stateOf(item, { numbered = true } = {}) {
    const { state, prob, who } = item.data.confidence ?? {};
    const by = (who ?? []).map((one) => one.replace(/^(user|ml):/, "")).join(", ");
    if (state === "pre-added") return `suggested${by && ` by ${by}`}${numbered && typeof prob === "number" ? `, ${percent(prob)}` : ""}`;
    if (state === "pre-removed") return `proposed for removal${by && ` by ${by}`}`;
    if ((who ?? []).some((one) => one.startsWith("ml:"))) return `accepted, suggested by ${by}`;
    return by ? `by ${by}` : "";
  }
}

/** An entity's text as people read it: its fragments, with dots between. */
export const textOf = (data) => data.offsets.map((offset) => offset.text).join(" … ");
