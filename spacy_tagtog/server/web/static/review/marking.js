// Borders and new entities: where a border goes next, and which words are marked. No DOM in here.

import { splitsCharacter } from "./offsets.js";
import { words } from "./text.js";

/** The next place for a border: a word's beginning or end, or the next character. */
export function shifted(text, at, direction, { byWord, isStart }) {
  if (byWord) {
    const places = words(text).map(([start, end]) => (isStart ? start : end));
    const found = direction > 0 ? places.find((place) => place > at) : places.findLast((place) => place < at);
    return found ?? at;
  }
  let moved = at + direction;
  if (splitsCharacter(text, moved)) moved += direction;
  return Math.max(0, Math.min(text.length, moved));
}

/** A stretch with one border moved; the stretch itself where nothing would be left. */
export function withBorder(text, { start, end }, direction, { byWord, atStart }) {
  const how = { byWord, isStart: atStart };
  const moved = atStart
    ? { start: shifted(text, start, direction, how), end }
    : { start, end: shifted(text, end, direction, how) };
  return moved.start < moved.end ? moved : { start, end };
}

/** The word after (or before) a stretch, in this part or a further one: {part, start, end}, or null. */
export function nextWord(parts, { part, start, end }, direction) {
  const text = parts.get(part).text;
  const all = words(text);
  const here = direction > 0 ? all.find((word) => word[0] >= end) : all.findLast((word) => word[1] <= start);
  if (here) return { part, start: here[0], end: here[1] };
  const ids = [...parts.keys()];
  for (let at = ids.indexOf(part) + direction; at >= 0 && at < ids.length; at += direction) {
    const word = words(parts.get(ids[at]).text).at(direction > 0 ? 0 : -1);
    if (word) return { part: ids[at], start: word[0], end: word[1] };
  }
  return null;
}

/** The entities that are exactly this stretch, in one piece. */
export function exactlyAt(doc, { part, start, end }) {
  return doc.entities.filter(({ data }) => {
    const ranges = data.part === part ? (doc.ranges(data) ?? []) : [];
    return ranges.length === 1 && ranges[0][0] === start && ranges[0][1] === end;
  });
}

/** Where a text stands as whole words and no entity is: [{part, start, end}]. */
export function unmarked(doc, text, { anyCase = false } = {}) {
  const taken = new Map([...doc.parts.keys()].map((part) => [part, []]));
  for (const { data } of doc.entities) taken.get(data.part)?.push(...(doc.ranges(data) ?? []));
  const letter = /[\p{L}\p{N}\p{M}_]/u;
  const joins = (one, other) => letter.test(one ?? "") && letter.test(other ?? "");
  const found = [];
  const literal = text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  for (const part of doc.parts.values()) {
    for (const match of part.text.matchAll(new RegExp(literal, anyCase ? "giu" : "gu"))) {
      const at = match.index;
      const end = at + match[0].length;
      const within = joins(part.text[at - 1], text[0]) || joins(part.text[end], text.at(-1));
      const covered = taken.get(part.id).some(([one, other]) => one < end && other > at);
      if (!within && !covered) found.push({ part: part.id, start: at, end });
    }
  }
  return found;
}
