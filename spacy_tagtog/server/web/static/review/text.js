// The text with its entities: real text in <mark> elements, in blocks of at most some thousand characters.
//
// A change repaints the blocks that it touches and no others. Blocks far from the window wait as plain text.

import { make } from "./dom.js";
import { countBelow } from "./offsets.js";

const BLOCK = 1500;
const FIRST = 4; // blocks that are drawn before anybody sees the page

/** Where a text is cut into blocks: at line ends where there are any, else between words, never within a character. */
export function cuts(text) {
  const found = [0];
  let at = 0;
  while (text.length - at > BLOCK) {
    const limit = at + BLOCK;
    let cut = text.lastIndexOf("\n", limit - 1) + 1;
    if (cut <= at) cut = text.lastIndexOf(" ", limit - 1) + 1;
    if (cut <= at) {
      cut = limit;
      const unit = text.charCodeAt(cut);
      if (unit >= 0xdc00 && unit <= 0xdfff) cut -= 1;
    }
    found.push(cut);
    at = cut;
  }
  return found;
}

/**
 * Stretches of a text with the entities that cover each.
 * @param {number} from Where the text begins, in the part.
 * @param {number} to Where it ends.
 * @param {{id: number, start: number, end: number}[]} spans Fragments of entities.
 * @returns {{start: number, end: number, over: object[]}[]} Longer entities first in "over".
 */
export function segments(from, to, spans) {
  const borders = new Set([from, to]);
  for (const span of spans) {
    if (span.start > from && span.start < to) borders.add(span.start);
    if (span.end > from && span.end < to) borders.add(span.end);
  }
  const sorted = [...borders].sort((one, other) => one - other);
  const longest = [...spans].sort((one, other) => other.end - other.start - (one.end - one.start) || one.id - other.id);
  return sorted.slice(0, -1).map((start, index) => {
    const end = sorted[index + 1];
    return { start, end, over: longest.filter((span) => span.start < end && span.end > start) };
  });
}

export class TextView {
  /**
   * @param {HTMLElement} root Where the parts go.
   * @param {object} doc The reviewed document.
   * @param {(item: object) => object} look How an entity looks: {type, label, suggested, unsure, removed, classes}.
   * @param {object} [misses] Words that the model may have missed.
   */
  constructor(root, doc, look, misses = { all: [], open: [] }) {
    this.root = root;
    this.doc = doc;
    this.look = look;
    this.misses = misses;
    this.missed = misses.open;
    this.current = null;
    this.tentative = null;
    this.blocks = [];
    this.ofPart = new Map();
    this.placed = new Map(); // entity to its fragments: [{part, start, end}]
    this.spansOf = new Map(); // part to fragments of all its entities
    this.waiting = new IntersectionObserver((entries) => this.#near(entries), { rootMargin: "100% 0px" });
    this.#build();
  }

  #build() {
    const fragment = document.createDocumentFragment();
    for (const part of this.doc.parts.values()) {
      const element = make(part.tag ?? "p", { class: "part", dir: "auto", data: { part: part.id } });
      const starts = cuts(part.text);
      const blocks = starts.map((start, index) => {
        const end = starts[index + 1] ?? part.text.length;
        const block = { part, start, end, element: make("span", { class: "block" }), drawn: false };
        block.element.textContent = part.text.slice(start, end);
        block.element.dataset.at = start;
        element.append(block.element);
        return block;
      });
      this.ofPart.set(part.id, { starts, blocks });
      this.blocks.push(...blocks);
      fragment.append(element);
    }
    for (const item of this.doc.entities) this.#place(item);
    this.root.replaceChildren(fragment);
    this.byElement = new Map(this.blocks.map((block) => [block.element, block]));
    this.blocks.slice(0, FIRST).forEach((block) => this.#draw(block));
    this.blocks.forEach((block) => this.waiting.observe(block.element));
  }

  #near(entries) {
    for (const entry of entries) {
      const block = this.byElement.get(entry.target);
      if (entry.isIntersecting && block && !block.drawn) this.#draw(block);
    }
  }

  #place(item) {
    const ranges = this.doc.ranges(item.data);
    if (!ranges) return;
    const part = item.data.part;
    const spans = ranges.map(([start, end], number) => ({ id: item.id, part, start, end, last: number === ranges.length - 1 }));
    this.placed.set(item.id, spans);
    if (!this.spansOf.has(part)) this.spansOf.set(part, new Set());
    spans.forEach((span) => this.spansOf.get(part).add(span));
  }

  #unplace(id) {
    const spans = this.placed.get(id) ?? [];
    spans.forEach((span) => this.spansOf.get(span.part).delete(span));
    this.placed.delete(id);
    return spans;
  }

  /** Draw anew what a change touched. */
  update(ids) {
    const stale = new Set();
    for (const id of ids) {
      for (const span of this.#unplace(id)) this.#blocksOf(span).forEach((block) => stale.add(block));
      const item = this.doc.entity(id);
      if (item) this.#place(item);
      for (const span of this.placed.get(id) ?? []) this.#blocksOf(span).forEach((block) => stale.add(block));
    }
    const missed = this.misses.open;
    for (const miss of this.misses.all) {
      if (missed.includes(miss) !== this.missed.includes(miss)) this.#blocksOf(miss).forEach((block) => stale.add(block));
    }
    this.missed = missed;
    stale.forEach((block) => this.#draw(block));
  }

  #blocksOf({ part, start, end }) {
    const there = this.ofPart.get(part);
    const first = Math.max(0, countBelow(there.starts, start + 1) - 1);
    const last = Math.max(0, countBelow(there.starts, end) - 1);
    return there.blocks.slice(first, last + 1);
  }

  #draw(block) {
    const { part, start, end } = block;
    const spans = [...(this.spansOf.get(part.id) ?? [])].filter((span) => span.start < end && span.end > start);
    for (const miss of this.missed) {
      if (miss.part === part.id && miss.start < end && miss.end > start) spans.push({ ...miss, id: 0, missed: true });
    }
    if (this.tentative && this.tentative.part === part.id) spans.push({ ...this.tentative, id: 0, last: true });
    const children = segments(start, end, spans).map((segment) => this.#segment(part, segment));
    block.element.replaceChildren(...children);
    block.drawn = true;
  }

  #segment(part, { start, end, over }) {
    const text = part.text.slice(start, end);
    let inner = make("span", { text, data: { at: start } });
    // From the inside out: the shortest entity is nearest to its text, so nothing is ever covered.
    [...over].reverse().forEach((span, depth) => {
      const mark = make("mark", { class: `layer${Math.min(depth, 4)}`, data: { id: span.id } }, inner);
      if (span.id === 0) {
        mark.classList.add(span.missed ? "missed" : "tentative");
      } else {
        const look = this.look(this.doc.entity(span.id));
        mark.classList.add(`type${look.type % 10}`);
        mark.classList.toggle("suggested", look.suggested);
        mark.classList.toggle("unsure", look.unsure);
        mark.classList.toggle("removed", look.removed);
        mark.classList.toggle("current", span.id === this.current);
        mark.classList.add(...(look.classes ?? []));
        if (end === span.end && span.last) mark.dataset.label = look.label;
        if (start === span.start) mark.classList.add("begins");
        if (end === span.end) mark.classList.add("ends");
      }
      inner = mark;
    });
    return inner;
  }

  /** Put the focus on an entity, and bring it into view. */
  show(id, { scroll = true } = {}) {
    const old = this.current;
    this.current = id;
    const shown = (number) => this.root.querySelectorAll(`mark[data-id="${number}"]`);
    shown(old).forEach((mark) => mark.classList.remove("current"));
    for (const span of this.placed.get(id) ?? []) {
      this.#blocksOf(span).forEach((block) => block.drawn || this.#draw(block));
    }
    const marks = shown(id);
    marks.forEach((mark) => mark.classList.add("current"));
    if (scroll && marks.length) marks[0].scrollIntoView({ block: "center", behavior: "instant" });
  }

  /** Show a stretch that may become an entity: {part, start, end}, or null. */
  showTentative(place) {
    const stale = new Set();
    for (const one of [this.tentative, place]) {
      if (one) this.#blocksOf(one).forEach((block) => stale.add(block));
    }
    this.tentative = place;
    stale.forEach((block) => this.#draw(block));
    this.root.querySelector("mark.tentative")?.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  /** What the person selected: {part, start, end} without white space at its ends, or null. */
  selection() {
    const selection = window.getSelection();
    if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
    const range = selection.getRangeAt(0);
    const from = this.#placeOf(range.startContainer, range.startOffset);
    const to = this.#placeOf(range.endContainer, range.endOffset);
    if (!from || !to || from.part !== to.part) return null;
    return trimmed(this.doc.parts.get(from.part).text, { part: from.part, start: from.at, end: to.at });
  }

  #placeOf(node, offset) {
    const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const part = element?.closest(".part")?.dataset.part;
    if (!part || !this.root.contains(element)) return null;
    if (node.nodeType === Node.TEXT_NODE) {
      const holder = element.closest("[data-at]");
      return holder ? { part, at: Number(holder.dataset.at) + offset } : null;
    }
    // Between elements: before the next piece of text, or at the end of the last one.
    const next = element.childNodes[offset];
    const piece = next instanceof Element ? (next.matches("[data-at]") ? next : next.querySelector("[data-at]")) : null;
    if (piece) return { part, at: Number(piece.dataset.at) };
    const pieces = element.querySelectorAll("[data-at]");
    const last = pieces[pieces.length - 1] ?? element.closest("[data-at]");
    return last ? { part, at: Number(last.dataset.at) + last.textContent.length } : null;
  }

  /** The innermost entity at a place on the screen. */
  entityAt(element) {
    const mark = element?.closest?.("mark[data-id]");
    return mark && mark.dataset.id !== "0" ? Number(mark.dataset.id) : null;
  }

  /** The likely miss at a place on the screen, or null. */
  missAt(element) {
    const piece = element?.closest?.("mark.missed [data-at]");
    const part = piece?.closest(".part").dataset.part;
    const at = Number(piece?.dataset.at);
    return this.missed.find((miss) => miss.part === part && miss.start <= at && at < miss.end) ?? null;
  }
}

/** A stretch without the white space at its ends; null where nothing is left. */
export function trimmed(text, { part, start, end }) {
  while (start < end && /\s/u.test(text[start])) start += 1;
  while (end > start && /\s/u.test(text[end - 1])) end -= 1;
  return start < end ? { part, start, end } : null;
}

/** The words of a text, as [start, end]: letters and digits together, every other visible character by itself. */
export function words(text) {
  return Array.from(text.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu), (match) => [
    match.index,
    match.index + match[0].length,
  ]);
}
