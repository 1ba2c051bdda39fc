// What a person decides: about the entity in focus, about all equal ones, about words that the model may have missed.

import { counted, percent } from "./dom.js";
import { inOrder } from "./document.js";
import { textOf } from "./look.js";
import { exactlyAt, unmarked } from "./marking.js";

export class Decisions {
  /** @param {object} page The page: its document, looks, focus and mark. */
  constructor(page) {
    this.page = page;
    this.last = null; // the last decision, for "all equal": {name, text, classId}
  }

  /**
   * Accept or reject the entity in focus, and go to the next one that waits.
   * @param {"accept"|"reject"} name
   */
  decide(name) {
    const { page } = this;
    if (page.marker.miss) return this.#decideMiss(name);
    if (page.focused === null) return page.step(1);
    const order = page.doc.inOrder();
    const index = order.findIndex((item) => item.id === page.focused);
    const { data } = order[index];
    this.last = { name, text: textOf(data), classId: data.classId };
    page.doc[name](page.focused);
    page.announce(`${this.last.text}: ${name === "accept" ? "accepted" : "rejected"}`);
    this.#advance(order.slice(index + 1));
  }

  /** Go to the first one that waits for a decision, else to the next, else stay. */
  #advance(rest) {
    const { page } = this;
    const left = rest.filter((item) => page.doc.entity(item.id));
    const next = left.find((item) => page.looks.isProposed(page.doc.entity(item.id))) ?? left[0] ?? null;
    if (next) page.focus(next.id);
    else if (page.focused === null) page.focus(null);
  }

  /** Give a type: to the mark, which becomes an entity, or to the entity in focus. */
  chooseType(classId) {
    const { page } = this;
    if (page.readOnly) return;
    const { place } = page.marker;
    if (place) {
      const same = exactlyAt(page.doc, place).find((item) => item.data.classId === classId);
      page.marker.clear();
      if (same) page.doc.accept(same.id);
      const id = same?.id ?? page.doc.add(place.part, place.start, place.end, classId);
      if (id) page.focus(id, { scroll: false });
      return;
    }
    const item = page.doc.entity(page.focused);
    if (!item) return;
    if (item.data.classId === classId) page.doc.accept(item.id);
    else page.doc.retype(item.id, classId);
    this.last = { name: "accept", text: textOf(item.data), classId };
    page.view.show(page.focused, { scroll: false });
    page.announce(`${this.last.text}: ${page.looks.nameOf(classId)}`);
  }

  /** The last decision for all equal strings of the document. */
  same() {
    const { doc, focused, looks, keys } = this.page;
    const item = doc.entity(focused);
    const decision = item ? { name: "accept", text: textOf(item.data), classId: item.data.classId } : this.last;
    if (!decision) return;
    const { name, text, classId } = decision;
    const { anyCase } = keys.settings;
    const isSame = (other) => (anyCase ? other.toLowerCase() === text.toLowerCase() : other === text);
    const equal = doc.entities.filter((other) => isSame(textOf(other.data)) && looks.isProposed(other));
    const places = name === "accept" ? unmarked(doc, text, { anyCase }) : [];
    const change = doc.all("same", [...equal.map((other) => other.id), ...places], (changed, one) => {
      if (typeof one === "object") changed.add(one.part, one.start, one.end, classId);
      else if (name === "accept" && changed.entity(one).data.classId !== classId) changed.retype(one, classId);
      else changed[name](one);
    });
    const number = counted(equal.length + places.length, "time");
    this.page.announce(change ? `${text}: the same ${number} more` : `${text}: no other`);
  }

  /** Accept all suggestions that are surer than the threshold, as one change. */
  acceptSure() {
    const { doc, keys } = this.page;
    const { threshold } = keys.settings;
    const sure = doc.entities.filter(
      ({ data: { confidence } }) => confidence?.state === "pre-added" && (confidence.prob ?? 0) >= threshold,
    );
    const change = doc.all("accept all", sure.map((item) => item.id), (changed, id) => changed.accept(id));
    this.page.announce(
      change ? `${counted(sure.length, "suggestion")} accepted` : `No suggestion with at least ${percent(threshold)}`,
    );
  }

  // ----------------------------------------------------------------------------------- what the model is unsure of

  /** Go to the next entity that the model is unsure of, or word that it may have missed. */
  nextDoubt(from = this.#here()) {
    const { doc, looks, misses, marker } = this.page;
    const unsure = doc.entities.filter((item) => looks.isUnsure(item));
    const stops = [
      ...unsure.map((item) => ({ place: doc.placeOf(item), go: () => this.page.focus(item.id) })),
      ...misses.open.map((miss) => ({ place: marker.placeOf(miss), go: () => marker.visit(miss) })),
    ].sort((one, other) => inOrder(one.place, other.place));
    const next = stops.find(({ place }) => inOrder(from, place) < 0);
    if (next) next.go();
    else this.page.announce("No more after this one.");
  }

  /** Where the person is in the text. */
  #here() {
    const { doc, focused, fresh, marker } = this.page;
    if (marker.place) return marker.placeOf(marker.place);
    const item = doc.entity(focused);
    if (!item) return [-1];
    const place = doc.placeOf(item);
    // Who looked at nothing yet goes to the first one, not past it.
    return fresh ? [...place.slice(0, -1), -1] : place;
  }

  #decideMiss(name) {
    const { page } = this;
    const { miss } = page.marker;
    if (name === "accept") {
      if (page.looks.types.length === 1) return this.chooseType(page.looks.types[0].id);
      page.announce("Choose its type.");
      return page.act("types");
    }
    page.misses.dismiss(miss);
    page.marker.clear();
    page.view.update([]);
    page.refresh();
    page.announce(`${miss.text}: nothing here`);
    this.nextDoubt(page.marker.placeOf(miss));
  }
}
