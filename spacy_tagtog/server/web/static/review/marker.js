// The mark: a stretch of text that may become an entity. It is set with the mouse or the keys; borders move alike.

import { textOf } from "./look.js";
import { exactlyAt, nextWord, withBorder } from "./marking.js";
import { trimmed } from "./text.js";

export class Marker {
  /** @param {object} page The page: its document, view and focus. */
  constructor(page) {
    this.page = page;
    this.place = null; // {part, start, end}
    this.atStart = false; // which border moves
  }

  /** The likely miss that is marked, or null. */
  get miss() {
    return this.page.misses.at(this.place);
  }

  /** Where a stretch comes in the order of the text. */
  placeOf({ part, start, end }) {
    return this.page.doc.placeOfRange(part, start, end);
  }

  set(place) {
    const { doc, view, card } = this.page;
    this.place = place;
    view.showTentative(place);
    card.show();
    this.page.announce(`marked: ${doc.parts.get(place.part).text.slice(place.start, place.end)}`);
  }

  clear() {
    if (!this.place) return;
    this.place = null;
    this.page.view.showTentative(null);
    this.page.card.show();
  }

  /** Go to a word that the model may have missed. */
  visit({ part, start, end }) {
    this.page.focus(null, { scroll: false });
    this.set({ part, start, end });
  }

  // ------------------------------------------------------------------------------------------------- with the keys

  /** Mark the word after the entity in focus, or the first one. */
  begin() {
    const { doc, focused } = this.page;
    const item = doc.entity(focused);
    const last = item && doc.ranges(item.data)?.at(-1);
    const first = [...doc.parts.keys()][0];
    const here = last ? { part: item.data.part, start: last[0], end: last[1] } : { part: first, start: 0, end: 0 };
    const word = nextWord(doc.parts, here, 1) ?? nextWord(doc.parts, here, -1);
    if (word) this.set(word);
  }

  /** Mark the word after (1) or before (-1) instead. */
  step(direction) {
    const word = nextWord(this.page.doc.parts, this.place, direction);
    if (word) this.set(word);
  }

  /** Move a border of the mark, or of the entity in focus. */
  moveBorder(direction, byWord) {
    const { doc, focused, view } = this.page;
    const how = { byWord, atStart: this.atStart };
    if (this.place) {
      const { text } = doc.parts.get(this.place.part);
      return this.set({ ...this.place, ...withBorder(text, this.place, direction, how) });
    }
    const item = doc.entity(focused);
    const ranges = item && doc.ranges(item.data);
    if (!ranges) return;
    const fragment = this.atStart ? 0 : ranges.length - 1;
    const [start, end] = ranges[fragment];
    const moved = withBorder(doc.parts.get(item.data.part).text, { start, end }, direction, how);
    doc.move(item.id, fragment, moved.start, moved.end);
    view.show(item.id, { scroll: false });
    this.page.announce(textOf(doc.entity(item.id).data));
  }

  /** Which border moves: the other one now. */
  switchBorder() {
    this.atStart = !this.atStart;
    this.page.card.show();
    this.page.announce(`The ${this.atStart ? "start" : "end"} moves.`);
  }

  /** The mark becomes a fragment of the entity in focus. */
  addFragment() {
    const { doc, focused, view } = this.page;
    const item = doc.entity(focused);
    if (!item || !this.place || item.data.part !== this.place.part) return;
    const { start, end } = this.place;
    this.clear();
    doc.addFragment(item.id, start, end);
    view.show(focused, { scroll: false });
  }

  // ------------------------------------------------------------------------------------------------ with the mouse

  /** Mark what is selected in the text. */
  takeSelection() {
    const { doc, view, readOnly } = this.page;
    if (!doc || readOnly) return;
    const place = view.selection();
    if (!place) return;
    // Whoever selects an entity means that one, not a second one in the same place.
    const [item] = exactlyAt(doc, place);
    if (!item) return this.set(place);
    window.getSelection().removeAllRanges();
    this.page.focus(item.id, { scroll: false });
  }

  /** A click: on an entity, on a likely miss, with Ctrl on a whole part, or beside everything. */
  click(event) {
    const { doc, view, readOnly, relations } = this.page;
    const part = event.target.closest?.(".part");
    if ((event.ctrlKey || event.metaKey) && part && !readOnly) {
      const { text } = doc.parts.get(part.dataset.part);
      const place = trimmed(text, { part: part.dataset.part, start: 0, end: text.length });
      return place ? this.set(place) : undefined;
    }
    if (!window.getSelection().isCollapsed) return;
    const id = view.entityAt(event.target);
    const miss = id === null && !readOnly ? view.missAt(event.target) : null;
    if (miss) this.visit(miss);
    else if (id !== null && relations.linking) relations.linkTo(id);
    else if (id !== null) this.page.focus(id, { scroll: false });
    else this.clear();
  }
}
