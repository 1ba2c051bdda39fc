// Likely misses: words at which the model says that an entity may begin that it didn't predict. No DOM in here.

import { inOrder } from "./document.js";

export class Misses {
  /**
   * @param {object} doc The reviewed document.
   * @param {{part: string, start: number, text: string, probability: number}[]} given With the project's offsets.
   */
  constructor(doc, given) {
    this.doc = doc;
    const placeOf = ({ part, start, end }) => doc.placeOfRange(part, start, end);
    this.all = given
      .flatMap(({ part, start, text, probability }) => {
        const from = doc.offsets.get(part)?.toText(start);
        return typeof from === "number" ? [{ part, start: from, end: from + text.length, text, probability }] : [];
      })
      .sort((one, other) => inOrder(placeOf(one), placeOf(other)));
    this.dismissed = new Set();
  }

  /** Those that nobody has decided yet: no entity is there, and nobody said that there is none. */
  get open() {
    const taken = new Map();
    for (const { data } of this.doc.entities) {
      if (!taken.has(data.part)) taken.set(data.part, []);
      taken.get(data.part).push(...(this.doc.ranges(data) ?? []));
    }
    const free = (miss) => !(taken.get(miss.part) ?? []).some(([start, end]) => start < miss.end && end > miss.start);
    return this.all.filter((miss) => !this.dismissed.has(miss) && free(miss));
  }

  /** The one at exactly this place, or null. */
  at(place) {
    return this.all.find((miss) => place && miss.part === place.part && miss.start === place.start && miss.end === place.end) ?? null;
  }

  /** There is no entity here. */
  dismiss(miss) {
    this.dismissed.add(miss);
  }
}
