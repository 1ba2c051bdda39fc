// The review page: what keys and buttons do, and which part of the page shows it.

import { Api, Refused, SignedOut } from "./api.js";
import { Card } from "./card.js";
import { inOrder, ReviewedDocument } from "./document.js";
import { askConflicts, askFlag, askNormalization, showKeys } from "./dialogs.js";
import { counted, percent } from "./dom.js";
import { Keys } from "./keys.js";
import { DocumentLabels } from "./labels.js";
import { EntityList } from "./list.js";
import { Looks, textOf } from "./look.js";
import { QueueList } from "./queue.js";
import { exactlyAt, nextWord, unmarked, withBorder } from "./marking.js";
import { equal } from "./merge.js";
import { Misses } from "./misses.js";
import { Relations } from "./relations.js";
import { Saving } from "./saving.js";
import { TextView, trimmed } from "./text.js";

const THRESHOLD = 0.95;
const byId = (id) => document.getElementById(id);

export class Page {
  constructor(where) {
    this.where = where;
    this.api = new Api(where);
    this.keys = new Keys();
    this.queue = new QueueList(byId("queue"), (docid) => this.open(docid));
    this.ahead = new Map(); // documents that were loaded before they were asked for
    document.addEventListener("keydown", (event) => this.#pressed(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.saving && !["saved"].includes(this.saving.state) && this.saving.unkept) event.preventDefault();
    });
    window.addEventListener("popstate", () => this.open(new URLSearchParams(location.search).get("docid"), { push: false }));
    byId("text").addEventListener("click", (event) => this.#clicked(event));
    byId("text").addEventListener("dblclick", () => this.#selected());
    document.addEventListener("pointerup", () => setTimeout(() => this.#selected(), 0));
  }

  // ------------------------------------------------------------------------------------------------------- opening

  async start() {
    await this.open(this.where.docid, { push: false });
  }

  /** Open a document; what is changed in this one is saved first. */
  async open(docid, { push = true } = {}) {
    if (this.saving && !(await this.saving.flush()) && this.saving.state !== "offline") return;
    await this.flagging; // else the queue wouldn't know of it yet
    try {
      const given = await (this.ahead.get(docid) ?? this.api.document(docid));
      this.ahead.clear();
      this.#show(given);
      if (push) history.pushState({}, "", `?${new URLSearchParams({ ...this.#addressed(), docid: given.docid })}`);
    } catch (error) {
      this.#failed(error);
    }
  }

  #addressed() {
    return Object.fromEntries(new URLSearchParams(location.search));
  }

  #show(given) {
    this.saving?.end();
    this.given = given;
    this.where.docid = given.docid;
    this.where.member = given.member;
    this.api = new Api(this.where);
    this.focused = null;
    this.tentative = null;
    this.atStart = false;
    const key = `spacy-tagtog ${this.where.owner}/${this.where.project}/${given.docid}/${given.member}`;
    const kept = given.may_edit ? Saving.kept(key) : null;
    this.#begin(kept?.annotations ?? given.annotations);
    this.saving = new Saving({
      api: this.api,
      key,
      base: kept?.base ?? given.annotations,
      etag: kept ? kept.etag : given.etag,
      current: () => this.doc.toJSON(),
      onState: (state, detail) => this.#say(state, detail),
      onMerged: (merged, conflicts) => this.#merged(merged, conflicts),
    });
    document.title = `${given.filename} · ${this.where.project}`;
    byId("title").textContent = given.filename;
    byId("why").textContent = given.why ?? "";
    this.labels.show();
    this.#showProgress();
    this.#say(kept ? "changed" : "saved", {});
    if (kept) this.saving.flush();
    this.announce(`${given.filename}: ${counted(this.doc.entities.length, "entity", "entities")}`);
    byId("text").scrollTo?.(0, 0);
    window.scrollTo(0, 0);
    this.#begins();
    if (given.next) this.#loadAhead(given.next);
    this.#showQueue();
  }

  /** The first suggestion is in focus from the beginning, so that the first key press may decide it. */
  #begins() {
    if (this.readOnly) return;
    const first = this.doc.inOrder().find((item) => this.looks.isProposed(item));
    if (!first) return;
    this.focus(first.id, { scroll: false });
    this.fresh = true;
  }

  async #showQueue() {
    try {
      const queue = await this.api.queue(this.given.docid);
      this.queue.show(queue, this.given.docid);
      // A document that was loaded ahead knows how far one was then.
      this.given.progress = { confirmed: queue.confirmed, total: queue.total };
      this.#showProgress();
    } catch {
      // The document is here, and that matters more. The next one asks again.
    }
  }

  #loadAhead(docid) {
    const loading = this.api.document(docid);
    loading.catch(() => this.ahead.delete(docid));
    this.ahead.set(docid, loading);
  }

  #begin(annotations) {
    const { parts, unit, user, types } = this.given;
    const labelsOf = Object.fromEntries(types.filter((type) => type.labels).map((type) => [type.id, type.labels]));
    this.doc = new ReviewedDocument({ annotations, parts, unit, who: `user:${user}`, labelsOf });
    this.looks = new Looks(types);
    this.misses = new Misses(this.doc, this.given.misses ?? []);
    this.view = new TextView(byId("text"), this.doc, (item) => this.looks.of(item), this.misses);
    this.relations = new Relations(byId("relations"), this);
    this.labels = new DocumentLabels(byId("labels"), this);
    this.card = new Card(byId("card"), this);
    this.list = new EntityList(byId("list"), this);
    this.doc.onChange((change) => this.#changed(change));
    this.card.show();
    this.list.show();
    this.relations.show();
  }

  get readOnly() {
    return !this.given.may_edit || this.doc.confirmed;
  }

  // ------------------------------------------------------------------------------------------------------- changes

  #changed(change) {
    this.view.update(change.touched);
    if (this.focused !== null && !this.doc.entity(this.focused)) this.focused = null;
    this.#refresh();
    this.saving.changed();
  }

  #refresh() {
    this.card.show();
    this.labels.show();
    this.relations.show();
    this.#showProgress();
    // The list is the slowest part, and nobody waits for it.
    cancelAnimationFrame(this.listing);
    this.listing = requestAnimationFrame(() => this.list.show());
  }

  focus(id, { scroll = true } = {}) {
    this.#unmark();
    this.focused = id;
    this.fresh = false;
    this.atStart = false;
    this.view.show(id, { scroll });
    this.#refresh();
    const item = this.doc.entity(id);
    if (item) this.announce(`${textOf(item.data)}, ${this.looks.nameOf(item.data.classId)}, ${this.looks.stateOf(item)}`);
  }

  #step(direction, wanted = () => true) {
    const items = this.doc.inOrder();
    if (!items.length) return;
    const here = items.findIndex((item) => item.id === this.focused);
    // Who looked at nothing yet goes to the first one, not past it.
    if (this.fresh && direction > 0 && wanted(items[here])) return this.focus(this.focused);
    for (let step = 1; step <= items.length; step += 1) {
      const from = here < 0 && direction > 0 ? -1 : here < 0 ? items.length : here;
      const index = from + direction * step;
      if (index < 0 || index >= items.length) break;
      if (wanted(items[index])) return this.focus(items[index].id);
    }
    this.announce(direction > 0 ? "No more after this one." : "No more before this one.");
  }

  /** The next entity that the model is unsure of, or word that it may have missed. */
  #nextDoubt(from = this.#here()) {
    const unsure = this.doc.entities.filter((item) => this.looks.isUnsure(item));
    const stops = [
      ...unsure.map((item) => ({ place: this.doc.placeOf(item), go: () => this.focus(item.id) })),
      ...this.misses.open.map((miss) => ({ place: this.#placeOfMark(miss), go: () => this.visit(miss) })),
    ].sort((one, other) => inOrder(one.place, other.place));
    const next = stops.find(({ place }) => inOrder(from, place) < 0);
    if (next) next.go();
    else this.announce("No more after this one.");
  }

  /** Where the person is in the text. */
  #here() {
    const item = this.doc.entity(this.focused);
    // Who looked at nothing yet goes to the first one, not past it.
    if (this.fresh && item) return this.doc.placeOf(item).with(3, -1);
    return this.tentative ? this.#placeOfMark(this.tentative) : item ? this.doc.placeOf(item) : [-1];
  }

  #placeOfMark({ part, start, end }) {
    return this.doc.placeOfRange(part, start, end);
  }

  /** Go to a word that the model may have missed. */
  visit({ part, start, end }) {
    this.focus(null, { scroll: false });
    this.#setMark({ part, start, end });
  }

  /** The likely miss that is marked, or null. */
  get miss() {
    return this.misses.at(this.tentative);
  }

  #decideMiss(name) {
    const { miss } = this;
    if (name === "accept") {
      if (this.looks.types.length === 1) return this.chooseType(this.looks.types[0].id);
      this.announce("Choose its type.");
      return this.act("types");
    }
    this.misses.dismiss(miss);
    this.#unmark();
    this.view.update([]);
    this.#refresh();
    this.announce(`${miss.text}: nothing here`);
    this.#nextDoubt(this.#placeOfMark(miss));
  }

  /** After a decision: the next one that waits for one, else stay. */
  #advance(order, index) {
    const rest = order.slice(index + 1).filter((item) => this.doc.entity(item.id));
    const next = rest.find((item) => this.looks.isProposed(this.doc.entity(item.id))) ?? rest[0] ?? null;
    if (next) this.focus(next.id);
    else if (this.focused === null) this.focus(null);
  }

  #decide(name) {
    if (this.miss) return this.#decideMiss(name);
    if (this.focused === null) return this.#step(1);
    const order = this.doc.inOrder();
    const index = order.findIndex((item) => item.id === this.focused);
    const text = textOf(order[index].data);
    this.lastDecision = { name, text, classId: order[index].data.classId };
    this.doc[name](this.focused);
    this.announce(`${text}: ${name === "accept" ? "accepted" : "rejected"}`);
    this.#advance(order, index);
  }

  chooseType(classId) {
    if (this.readOnly) return;
    if (this.tentative) {
      const { part, start, end } = this.tentative;
      const same = exactlyAt(this.doc, this.tentative).find((item) => item.data.classId === classId);
      this.#unmark();
      if (same) this.doc.accept(same.id);
      const id = same?.id ?? this.doc.add(part, start, end, classId);
      if (id) this.focus(id, { scroll: false });
      return;
    }
    const item = this.doc.entity(this.focused);
    if (!item) return;
    if (item.data.classId === classId) this.doc.accept(item.id);
    else this.doc.retype(item.id, classId);
    this.lastDecision = { name: "accept", text: textOf(item.data), classId };
    this.view.show(this.focused, { scroll: false });
    this.announce(`${textOf(item.data)}: ${this.looks.nameOf(classId)}`);
  }

  /** The last decision for all equal strings of the document. */
  #same() {
    const item = this.doc.entity(this.focused);
    const decision = item ? { name: "accept", text: textOf(item.data), classId: item.data.classId } : this.lastDecision;
    if (!decision) return;
    const { name, text, classId } = decision;
    const equal = this.doc.entities.filter((other) => textOf(other.data) === text && this.looks.isProposed(other));
    const places = name === "accept" ? unmarked(this.doc, text) : [];
    const change = this.doc.all("same", [...equal.map((other) => other.id), ...places], (doc, one) => {
      if (typeof one === "object") doc.add(one.part, one.start, one.end, classId);
      else if (name === "accept" && doc.entity(one).data.classId !== classId) doc.retype(one, classId);
      else doc[name](one);
    });
    this.announce(change ? `${text}: the same ${counted(equal.length + places.length, "time")} more` : `${text}: no other`);
  }

  #acceptAll() {
    const sure = this.doc.entities.filter(
      (item) => item.data.confidence?.state === "pre-added" && (item.data.confidence.prob ?? 0) >= THRESHOLD,
    );
    const change = this.doc.all("accept all", sure.map((item) => item.id), (doc, id) => doc.accept(id));
    this.announce(change ? `${counted(sure.length, "suggestion")} accepted` : `No suggestion with at least ${percent(THRESHOLD)}`);
  }

  // ------------------------------------------------------------------------------------------- borders and new entities

  #moveBorder(direction, byWord) {
    const how = { byWord, atStart: this.atStart };
    if (this.tentative) {
      const text = this.doc.parts.get(this.tentative.part).text;
      return this.#setMark({ ...this.tentative, ...withBorder(text, this.tentative, direction, how) });
    }
    const item = this.doc.entity(this.focused);
    const ranges = item && this.doc.ranges(item.data);
    if (!ranges) return;
    const fragment = this.atStart ? 0 : ranges.length - 1;
    const [start, end] = ranges[fragment];
    const moved = withBorder(this.doc.parts.get(item.data.part).text, { start, end }, direction, how);
    this.doc.move(item.id, fragment, moved.start, moved.end);
    this.view.show(item.id, { scroll: false });
    this.announce(textOf(this.doc.entity(item.id).data));
  }

  #mark() {
    const item = this.doc.entity(this.focused);
    const last = item && this.doc.ranges(item.data)?.at(-1);
    const first = [...this.doc.parts.keys()][0];
    const here = last ? { part: item.data.part, start: last[0], end: last[1] } : { part: first, start: 0, end: 0 };
    const word = nextWord(this.doc.parts, here, 1) ?? nextWord(this.doc.parts, here, -1);
    if (word) this.#setMark(word);
  }

  #setMark(place) {
    this.tentative = place;
    this.view.showTentative(place);
    this.card.show();
    this.announce(`marked: ${this.doc.parts.get(place.part).text.slice(place.start, place.end)}`);
  }

  #unmark() {
    if (!this.tentative) return;
    this.tentative = null;
    this.view.showTentative(null);
    this.card.show();
  }

  #selected() {
    if (!this.doc || this.readOnly) return;
    const place = this.view.selection();
    if (!place) return;
    // Whoever selects an entity means that one, not a second one in the same place.
    const [item] = exactlyAt(this.doc, place);
    if (!item) return this.#setMark(place);
    window.getSelection().removeAllRanges();
    this.focus(item.id, { scroll: false });
  }

  #clicked(event) {
    const part = event.target.closest?.(".part");
    if ((event.ctrlKey || event.metaKey) && part && !this.readOnly) {
      const text = this.doc.parts.get(part.dataset.part).text;
      return this.#setMark(trimmed(text, { part: part.dataset.part, start: 0, end: text.length }));
    }
    if (!window.getSelection().isCollapsed) return;
    const id = this.view.entityAt(event.target);
    const miss = id === null && !this.readOnly ? this.view.missAt(event.target) : null;
    if (miss) return this.visit(miss);
    if (id !== null && this.relations.linking) this.relations.linkTo(id);
    else if (id !== null) this.focus(id, { scroll: false });
    else this.#unmark();
  }

  // ---------------------------------------------------------------------------------------------------- names of things

  fieldName(id) {
    return this.given.fields?.[id]?.name ?? id;
  }

  dictionaryName(id) {
    return this.given.dictionaries?.[id]?.name ?? id;
  }

  // ---------------------------------------------------------------------------------------------------- confirming, queue

  async #confirm() {
    if (this.readOnly) return this.given.next ? this.open(this.given.next) : undefined;
    this.doc.confirm(true);
    const stored = await this.saving.flush();
    if (!stored) return;
    this.announce("Confirmed.");
    const { next } = await this.api.queue(this.given.docid).catch(() => ({ next: null }));
    if (next && next !== this.given.docid) return this.open(next);
    this.focused = null;
    this.#refresh();
    this.note("Everything in this queue is confirmed.");
  }

  reopen() {
    this.doc.confirm(false);
    this.#refresh();
  }

  #showProgress() {
    const left = this.doc.entities.filter((item) => this.looks.isProposed(item)).length;
    const { confirmed, total } = this.given.progress ?? {};
    byId("left").textContent = left ? `${counted(left, "suggestion")} left` : "all decided";
    if (total) {
      byId("progress").max = total;
      byId("progress").value = confirmed;
      byId("progress-text").textContent = `${confirmed} of ${total} confirmed`;
    }
    byId("confirm").disabled = !this.given.may_edit || this.doc.confirmed;
    byId("undo").disabled = !this.doc.done.length;
    byId("redo").disabled = !this.doc.undone.length;
  }

  // -------------------------------------------------------------------------------------------------------- saving, errors

  #say(state, detail) {
    const said = {
      saved: "Saved",
      changed: "Changed",
      saving: "Saving…",
      offline: detail.unkept ? "Offline: keep this page open" : "Offline: changes are kept in this browser",
      refused: "Not saved",
      conflict: "Somebody else changed the same",
    }[state];
    byId("saved").textContent = said;
    byId("saved").dataset.state = state;
    if (detail.status === 401) return this.#failed(new SignedOut());
    if (state === "refused") this.note(detail.why, { bad: true });
    else if (state === "offline" && detail.why) this.note(detail.why, { bad: true });
    else if (state === "saved") this.note("");
  }

  #merged(merged, conflicts) {
    const { focused } = this;
    const before = this.doc.entity(focused)?.data;
    this.#begin(merged);
    const same = before && this.doc.entities.find((item) => equal(item.data, before));
    this.focus(same ? same.id : null, { scroll: false });
    if (!conflicts.length) return this.announce("Somebody else saved meanwhile; both changes are kept.");
    const say = (value) => {
      if (value === null) return "removed";
      return value.offsets ? `${textOf(value)} · ${this.looks.nameOf(value.classId)}` : String(value.value ?? "relation");
    };
    askConflicts(conflicts, say, (mine) => {
      mine.forEach((conflict) => this.#takeMine(conflict));
      this.saving.decided();
    });
  }

  #takeMine({ what, mine, theirs }) {
    const annotations = this.doc.toJSON();
    const [key, label] = what.split(".");
    if (label) {
      annotations.metas = { ...annotations.metas };
      if (mine === null) delete annotations.metas[label];
      else annotations.metas[label] = mine;
    } else {
      const items = [...(annotations[key] ?? [])];
      const at = theirs === null ? items.length : items.findIndex((item) => equal(item, theirs));
      items.splice(at < 0 ? items.length : at, theirs === null ? 0 : 1, ...(mine === null ? [] : [mine]));
      annotations[key] = items;
    }
    this.#begin(annotations);
  }

  #failed(error) {
    if (error instanceof SignedOut) {
      location.assign(`/-local/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
    this.note(error instanceof Refused ? error.message : "The server can't be reached. Load the page again when it is there.", { bad: true });
  }

  /** Say something in the line at the bottom, until something else is said. */
  note(text, { bad = false } = {}) {
    byId("notice").textContent = text;
    byId("notice").classList.toggle("bad", bad);
  }

  /** Say something to people who hear the page. */
  announce(text) {
    byId("live").textContent = text;
  }

  // -------------------------------------------------------------------------------------------------------------- keys

  #pressed(event) {
    if (!this.doc || byId("dialog").open) return;
    if (event.target.matches?.("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "Enter" && event.target.matches?.("button, a, summary")) return;
    if (this.tentative && ["ArrowLeft", "ArrowRight"].includes(event.key) && !event.shiftKey && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      const word = nextWord(this.doc.parts, this.tentative, event.key === "ArrowRight" ? 1 : -1);
      return word ? this.#setMark(word) : undefined;
    }
    const action = this.keys.action(event);
    if (!action) return;
    event.preventDefault();
    this.act(action);
  }

  act(action) {
    const changing = ["accept", "reject", "undo", "redo", "same", "acceptAll", "wordRight", "wordLeft", "characterRight", "characterLeft", "mark", "fragment", "relation"];
    if (this.readOnly && changing.includes(action)) {
      const undoes = action === "undo" && this.given.may_edit && this.doc.done.length;
      if (!undoes) return this.announce(this.doc.confirmed ? "This document is confirmed." : "You may not change this version.");
    }
    if (/^[1-9]$/.test(action)) {
      const type = this.looks.types[Number(action) - 1];
      return type && this.chooseType(type.id);
    }
    return {
      next: () => this.#step(1),
      previous: () => this.#step(-1),
      nextUnsure: () => this.#nextDoubt(),
      accept: () => this.#decide("accept"),
      reject: () => this.#decide("reject"),
      undo: () => this.#back(this.doc.undo()),
      redo: () => this.#back(this.doc.redo()),
      same: () => this.#same(),
      acceptAll: () => this.#acceptAll(),
      types: () => byId("card").querySelector(".choices button")?.focus(),
      border: () => {
        this.atStart = !this.atStart;
        this.card.show();
        this.announce(`The ${this.atStart ? "start" : "end"} moves.`);
      },
      wordRight: () => this.#moveBorder(1, true),
      wordLeft: () => this.#moveBorder(-1, true),
      characterRight: () => this.#moveBorder(1, false),
      characterLeft: () => this.#moveBorder(-1, false),
      mark: () => this.#mark(),
      fragment: () => this.#addFragment(),
      relation: () => this.relations.link(),
      labels: () => byId("labels").querySelector("button, input")?.focus(),
      normalize: () => this.#normalize(),
      save: () => this.saving.flush(),
      confirm: () => (this.relations.linking ? this.relations.linkTo(this.focused) : this.#confirm()),
      skip: () => this.given.next && this.open(this.given.next),
      flag: () => this.#flag(),
      previousDocument: () => this.given.previous && this.open(this.given.previous),
      nextDocument: () => this.given.following && this.open(this.given.following),
      probabilities: () => {
        this.looks.alwaysProbabilities = !this.looks.alwaysProbabilities;
        this.view.update(this.doc.entities.map((item) => item.id));
        this.view.show(this.focused, { scroll: false });
      },
      help: () => showKeys(this.keys, () => this.card.show()),
      leave: () => this.#leave(),
    }[action]?.();
  }

  #back(change) {
    if (!change) return this.announce("Nothing to take back.");
    this.announce(`taken back: ${change.name}`);
    if (change.focus !== null && this.doc.entity(change.focus)) this.focus(change.focus);
  }

  #leave() {
    if (this.relations.linking) this.relations.leave();
    else if (this.tentative) this.#unmark();
    else this.focus(null);
    window.getSelection()?.removeAllRanges();
  }

  #addFragment() {
    const item = this.doc.entity(this.focused);
    if (!item || !this.tentative || item.data.part !== this.tentative.part) return;
    const { start, end } = this.tentative;
    this.#unmark();
    this.doc.addFragment(item.id, start, end);
    this.view.show(this.focused, { scroll: false });
  }

  #normalize() {
    const item = this.doc.entity(this.focused);
    const { dictionaries = {}, norms = {} } = this.given;
    if (!item || !Object.keys(dictionaries).length || this.readOnly) return;
    const known = Object.keys(norms[textOf(item.data)] ?? {});
    askNormalization(item.data, dictionaries, known, (id, entry) => this.doc.normalize(item.id, id, entry));
  }

  #flag() {
    askFlag(this.given.flag?.note ?? null, (note) => {
      this.flagging = this.#sendFlag(note);
    });
  }

  async #sendFlag(note) {
    const { api, given } = this;
    try {
      await api.flag(note);
      given.flag = note === null ? null : { note };
      this.announce(note === null ? "The flag is gone." : "Flagged.");
    } catch (error) {
      this.#failed(error);
    }
  }
}
