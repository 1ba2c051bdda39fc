// A document under review: its annotations, and every change that a person can make to them. No DOM in here.
//
// Annotations are an ann.json object that is never changed in place. A change replaces entities, relations or top-level
// keys as a whole, and is kept with what stood there before: so undo has no limit, is exact, and costs little memory.
// Keys that this page doesn't know stay where they are. spacy_tagtog/anndoc/review.py makes the same changes in Python.

import { Offsets } from "./offsets.js";

const LISTS = ["entities", "relations"];

export class ReviewedDocument {
  /**
   * @param {object} given
   * @param {object} given.annotations An ann.json object. It is not changed.
   * @param {{id: string, text: string}[]} given.parts The parts, in document order.
   * @param {"utf-16"|"code-point"} given.unit How the offsets of this ann.json count.
   * @param {string} given.who Who reviews, such as "user:ada".
   * @param {Object<string, string[]>} [given.labelsOf] Entity type to the labels that its entities may have.
   */
  constructor({ annotations, parts, unit, who, labelsOf = {} }) {
    this.parts = new Map(parts.map((part) => [part.id, part]));
    this.order = new Map(parts.map((part, index) => [part.id, index]));
    this.offsets = new Map(parts.map((part) => [part.id, new Offsets(part.text, unit)]));
    this.unit = unit;
    this.who = who;
    this.labelsOf = labelsOf;
    this.undone = [];
    this.done = [];
    this.listeners = new Set();
    this.lastId = 0;
    this.placed = new WeakMap(); // an entity's object never changes, so neither does its place
    this.top = { ...annotations };
    // Entities move in their list when others come and go: the page knows them by numbers that stay.
    this.entities = (annotations.entities ?? []).map((data) => this.#item(data));
    this.relations = (annotations.relations ?? []).map((data) => this.#item(data));
    this.byId = new Map(this.entities.map((item) => [item.id, item]));
    this.sorted = this.entities.map((item) => this.#placed(item)).sort(compared);
  }

  #item(data) {
    this.lastId += 1;
    return { id: this.lastId, data };
  }

  /** The annotations as an ann.json object. */
  toJSON() {
    const result = { ...this.top };
    for (const list of LISTS) {
      if (this[list].length || list in result) result[list] = this[list].map((item) => item.data);
    }
    return result;
  }

  get confirmed() {
    return Boolean(this.top.anncomplete);
  }

  /** The entity of a number; undefined where it is gone. */
  entity(id) {
    return this.byId.get(id);
  }

  // ------------------------------------------------------------------------------------------- changes and their inverse

  /** Tell somebody of each change: the numbers of the entities touched, and what was done. */
  onChange(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  #commit(name, patches, focus = null) {
    if (!patches.length) return null;
    const change = { name, patches, focus };
    patches.forEach((patch) => this.#apply(patch));
    this.done.push(change);
    this.undone = [];
    this.#tell(change);
    return change;
  }

  #apply(patch) {
    if (patch.list) {
      this[patch.list].splice(patch.at, patch.before.length, ...patch.after);
      if (patch.list === "entities") {
        patch.before.forEach((item) => this.#leave(item));
        patch.after.forEach((item) => this.#enter(item));
      }
    } else if (patch.after === undefined) {
      delete this.top[patch.key];
    } else {
      this.top[patch.key] = patch.after;
    }
  }

  // The order of the text is kept, not made anew: a key press must not sort thousands.
  #placed(item) {
    return { item, place: this.placeOf(item) };
  }

  /** Where an entity comes in the order of the text: numbers that "inOrder" compares. */
  placeOf({ id, data }) {
    const ranges = this.ranges(data) ?? [[Infinity, Infinity]];
    const start = Math.min(...ranges.map((range) => range[0]));
    const end = Math.max(...ranges.map((range) => range[1]));
    return this.placeOfRange(data.part, start, end, id);
  }

  /** The same of a stretch of the text; before the entities that are exactly there. */
  placeOfRange(part, start, end, id = 0) {
    return [this.order.get(part) ?? Infinity, start, -end, id];
  }

  #search(one) {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compared(this.sorted[middle], one) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #enter(item) {
    const one = this.#placed(item);
    this.byId.set(item.id, item);
    this.sorted.splice(this.#search(one), 0, one);
  }

  #leave(item) {
    this.byId.delete(item.id);
    this.sorted.splice(this.#search(this.#placed(item)), 1);
  }

  #tell(change) {
    const touched = new Set();
    for (const patch of change.patches) {
      if (patch.list !== "entities") continue;
      for (const item of [...patch.before, ...patch.after]) touched.add(item.id);
    }
    this.listeners.forEach((listener) => listener({ ...change, touched }));
  }

  /** Take back the last change. Returns it, or null where there is none. */
  undo() {
    const change = this.done.pop();
    if (!change) return null;
    const patches = change.patches.toReversed().map((patch) => ({ ...patch, before: patch.after, after: patch.before }));
    patches.forEach((patch) => this.#apply(patch));
    this.undone.push(change);
    this.#tell({ ...change, name: "undo", patches });
    return change;
  }

  /** Make the change again that was taken back last. Returns it, or null. */
  redo() {
    const change = this.undone.pop();
    if (!change) return null;
    change.patches.forEach((patch) => this.#apply(patch));
    this.done.push(change);
    this.#tell({ ...change, name: "redo" });
    return change;
  }

  #replace(list, at, data) {
    const old = this[list][at];
    return { list, at, before: [old], after: data === null ? [] : [{ id: old.id, data }] };
  }

  #set(key, value) {
    return { key, before: this.top[key], after: value };
  }

  /** Replace an entity, and the references of relations that mean it; with null, remove both. */
  #change(name, id, data) {
    const at = this.entities.findIndex((item) => item.id === id);
    if (at < 0) return null;
    const follow = this.#follow(id, data);
    return this.#commit(name, [this.#replace("entities", at, data), ...follow], id);
  }

  /** The patches of relations when an entity changes; from the last to the first, so that places stay valid. */
  #follow(id, data) {
    const patches = [];
    for (let at = this.relations.length - 1; at >= 0; at -= 1) {
      const relation = this.relations[at].data;
      const ends = relation.entities.map((reference) => this.resolve(reference));
      if (!ends.includes(id)) continue;
      if (data === null) {
        patches.push(this.#replace("relations", at, null));
        continue;
      }
      const entities = relation.entities.map((reference, end) => (ends[end] === id ? this.referenceTo(data) : reference));
      if (entities.some((reference, end) => reference !== relation.entities[end])) {
        patches.push(this.#replace("relations", at, { ...relation, entities }));
      }
    }
    return patches;
  }

  // ---------------------------------------------------------------------------------------------------------- decisions

  /** Agree with what is there: a proposal becomes a person's, with its author and probability as they are. */
  accept(id) {
    const data = this.entity(id)?.data;
    if (!data) return null;
    if (data.confidence?.state === "pre-removed") return this.#change("accept", id, null);
    return this.#change("accept", id, { ...data, confidence: accepted(data.confidence, this.who) });
  }

  /** Disagree with what is there: a proposal goes away; a proposed removal doesn't happen. */
  reject(id) {
    const data = this.entity(id)?.data;
    if (!data) return null;
    if (data.confidence?.state !== "pre-removed") return this.#change("reject", id, null);
    return this.#change("reject", id, { ...data, confidence: accepted(data.confidence, this.who) });
  }

  remove(id) {
    return this.#change("remove", id, null);
  }

  /** Another type: normalizations go, and labels that the new type doesn't have. */
  retype(id, classId) {
    const data = this.entity(id)?.data;
    if (!data || data.classId === classId) return null;
    const changed = { ...data, classId, confidence: own(data.confidence, this.who) };
    if (data.normalizations) changed.normalizations = {};
    if (data.fields) {
      const kept = this.labelsOf[classId];
      changed.fields = Object.fromEntries(
        Object.entries(data.fields).filter(([field]) => !kept || kept.includes(field)),
      );
    }
    return this.#change("retype", id, changed);
  }

  /** Other borders of a fragment, as places in the part's text. */
  move(id, fragment, start, end) {
    const data = this.entity(id)?.data;
    const offset = data && this.#offset(data.part, start, end);
    if (!offset || !data.offsets[fragment]) return null;
    const old = data.offsets[fragment];
    if (old.start === offset.start && old.text === offset.text) return null;
    const offsets = data.offsets.map((one, index) => (index === fragment ? { ...one, ...offset } : one));
    return this.#change("move", id, { ...data, offsets, confidence: own(data.confidence, this.who) });
  }

  /** A new entity. Gives its number, or null where it would have no text. */
  add(part, start, end, classId) {
    const offset = this.#offset(part, start, end);
    if (!offset) return null;
    const data = {
      classId,
      part,
      offsets: [offset],
      coordinates: [],
      confidence: own(undefined, this.who),
      fields: {},
      normalizations: {},
    };
    const item = this.#item(data);
    this.#commit("add", [{ list: "entities", at: this.entities.length, before: [], after: [item] }], item.id);
    return item.id;
  }

  addFragment(id, start, end) {
    const data = this.entity(id)?.data;
    const offset = data && this.#offset(data.part, start, end);
    if (!offset) return null;
    const offsets = [...data.offsets, offset].sort((one, other) => one.start - other.start);
    return this.#change("add fragment", id, { ...data, offsets, confidence: own(data.confidence, this.who) });
  }

  removeFragment(id, fragment) {
    const data = this.entity(id)?.data;
    if (!data?.offsets[fragment] || data.offsets.length < 2) return null;
    const offsets = data.offsets.filter((_, index) => index !== fragment);
    return this.#change("remove fragment", id, { ...data, offsets, confidence: own(data.confidence, this.who) });
  }

  /** Set a label of an entity, or take it away (null). */
  label(id, field, value) {
    const data = this.entity(id)?.data;
    if (!data) return null;
    const fields = withKey(data.fields, field, value === null ? null : { value, confidence: own(undefined, this.who) });
    return this.#change("label", id, { ...data, fields });
  }

  /** Say what an entity is in a dictionary, or take that away (null). */
  normalize(id, dictionary, entry) {
    const data = this.entity(id)?.data;
    if (!data) return null;
    const value = entry === null ? null : {
      source: { name: entry.source ?? null, id: entry.id ?? null, url: entry.url ?? null },
      recName: entry.name ?? null,
      confidence: own(undefined, this.who),
    };
    return this.#change("normalize", id, { ...data, normalizations: withKey(data.normalizations, dictionary, value) });
  }

  /** Connect two entities. */
  relate(classId, first, second, { type = "linked", directed = true } = {}) {
    const ends = [this.entity(first)?.data, this.entity(second)?.data];
    if (!ends[0] || !ends[1] || first === second) return null;
    const data = {
      classId,
      type,
      directed,
      entities: ends.map((end) => this.referenceTo(end)),
      connectingWords: null,
      confidence: own(undefined, this.who),
    };
    const item = this.#item(data);
    this.#commit("relate", [{ list: "relations", at: this.relations.length, before: [], after: [item] }], first);
    return item.id;
  }

  unrelate(id) {
    const at = this.relations.findIndex((item) => item.id === id);
    return at < 0 ? null : this.#commit("unrelate", [this.#replace("relations", at, null)]);
  }

  /** Set a label of the document, or take it away (null). */
  labelDocument(field, value) {
    const one = value === null ? null : { value, confidence: own(undefined, this.who) };
    return this.#commit("label document", [this.#set("metas", withKey(this.top.metas, field, one))]);
  }

  confirm(confirmed = true) {
    if (this.confirmed === confirmed) return null;
    return this.#commit(confirmed ? "confirm" : "reopen", [this.#set("anncomplete", confirmed)]);
  }

  /** Do the same to several entities, as one change. */
  all(name, ids, decide) {
    const before = this.done.length;
    const silent = this.listeners;
    this.listeners = new Set();
    ids.forEach((id) => decide(this, id));
    this.listeners = silent;
    const patches = this.done.splice(before).flatMap((change) => change.patches);
    if (!patches.length) return null;
    const change = { name, patches, focus: ids[0] };
    this.done.push(change);
    this.#tell(change);
    return change;
  }

  // ------------------------------------------------------------------------------------------------------------ reading

  #offset(part, start, end) {
    const text = this.parts.get(part)?.text;
    if (text === undefined || !(start >= 0 && start < end && end <= text.length)) return null;
    return { start: this.offsets.get(part).toProject(start), text: text.slice(start, end) };
  }

  /** Where an entity stands in the text of its part: [start, end] per fragment, or null where its offsets are wrong. */
  ranges(data) {
    if (!this.placed.has(data)) this.placed.set(data, this.#rangesOf(data));
    return this.placed.get(data);
  }

  #rangesOf(data) {
    const text = this.parts.get(data.part)?.text;
    if (text === undefined) return null;
    const found = data.offsets.map((offset) => {
      const start = this.offsets.get(data.part).toText(offset.start);
      return start !== null && text.startsWith(offset.text, start) ? [start, start + offset.text.length] : null;
    });
    return found.includes(null) ? null : found;
  }

  /** Entities in the order of the text: the longer first where two begin together. */
  inOrder() {
    return this.sorted.map((one) => one.item);
  }

  /** How a relation refers to an entity: its part, its type, its first character and one past its last. */
  referenceTo(data) {
    const start = Math.min(...data.offsets.map((offset) => offset.start));
    const length = (text) => (this.unit === "code-point" ? [...text].length : text.length);
    const end = Math.max(...data.offsets.map((offset) => offset.start + length(offset.text)));
    return `${data.part}|${data.classId}|${start},${end}`;
  }

  /** The number of the entity that a relation's reference means, or null. */
  resolve(reference) {
    const pieces = reference.split("|");
    const match = /^(\d+),(\d+)$/.exec(pieces.at(-1));
    if (!match || (pieces.length !== 2 && pieces.length !== 3)) return null;
    const [start, last] = [Number(match[1]), Number(match[2])];
    const classId = pieces.length === 3 ? pieces[1] : null;
    const near = this.entities.filter(
      ({ data }) =>
        data.part === pieces[0] &&
        (classId === null || data.classId === classId) &&
        data.offsets.some((offset) => offset.start === start),
    );
    let best = null;
    for (const item of near) {
      const worse = misfit(item.data.offsets, start, last);
      if (worse === null) continue;
      const rank = worse * 1000 + Math.min(item.data.offsets.length, 999);
      if (best === null || rank < best.rank) best = { rank, id: item.id };
    }
    if (best) return best.id;
    return near.length === 1 ? near[0].id : null;
  }
}

/** How badly offsets fit an entity; null where they don't. The whole entity first, then the fragment here, then any. */
function misfit(offsets, start, last) {
  const whole = start === Math.min(...offsets.map((offset) => offset.start));
  const final = offsets.reduce((one, other) => (endOf(other) > endOf(one) ? other : one));
  const here = offsets.filter((offset) => offset.start === start);
  const tries = [whole ? [final] : [], here, offsets];
  for (let kind = 0; kind < 3; kind += 1) {
    for (const past of [0, 1]) {
      const ends = tries[kind].flatMap((offset) => lengths(offset.text).map((length) => offset.start + length));
      if (ends.includes(last + past)) return kind * 2 + past;
    }
  }
  return null;
}

const endOf = (offset) => offset.start + offset.text.length;
const lengths = (text) => [text.length, [...text].length];

/** Two places in the order of the text: part, start, the longer first, and who was there first. */
/** Which of two places comes first in the text: below zero, zero, above zero. */
export function inOrder(one, other) {
  const index = one.findIndex((number, position) => number !== other[position]);
  return index < 0 ? 0 : one[index] < other[index] ? -1 : 1;
}

function compared(one, other) {
  return inOrder(one.place, other.place);
}

/** A person's own annotation. */
function own(confidence, who) {
  return { ...confidence, state: "", who: [who], prob: 1 };
}

/** What a person agreed with: who made it and how sure they were stays, as in tagtog's exports. */
function accepted(confidence, who) {
  return confidence ? { ...confidence, state: "" } : own(undefined, who);
}

function withKey(object, key, value) {
  const result = { ...object };
  if (value === null) delete result[key];
  else result[key] = value;
  return result;
}
