// The review page: what keys and buttons do, and which part of the page shows it.

import { Api, Refused, SignedOut } from "./api.js";
import { Card } from "./card.js";
import { Decisions } from "./decisions.js";
import { ReviewedDocument } from "./document.js";
import { askConflicts, askFlag, askType, showKeys } from "./dialogs.js";
import { counted, keyTarget } from "./dom.js";
import { Effort } from "./effort.js";
import { Keys } from "./keys.js";
import { DocumentLabels } from "./labels.js";
import { EntityList } from "./list.js";
import { Looks, textOf } from "./look.js";
import { QueueList } from "./queue.js";
import { Marker } from "./marker.js";
import { equal } from "./merge.js";
import { Misses } from "./misses.js";
import { askNormalization } from "./normalization.js";
import { Relations } from "./relations.js";
import { Saving } from "./saving.js";
import { TextView } from "./text.js";

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
    this.decisions = new Decisions(this);
    this.marker = new Marker(this);
    byId("text").addEventListener("click", (event) => this.marker.click(event));
    byId("text").addEventListener("dblclick", () => this.marker.takeSelection());
    document.addEventListener("pointerup", () => setTimeout(() => this.marker.takeSelection(), 0));
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
    this.effort?.end();
    this.given = given;
    this.where.docid = given.docid;
    this.where.member = given.member;
    this.api = new Api(this.where);
    this.focused = null;
    this.marker.place = null;
    this.marker.atStart = false;
    this.decisions.last = null;
    this.effort = given.measures_time && given.may_edit ? new Effort() : null;
    byId("measured").hidden = !given.measures_time;
    const key = `spacy-tagtog ${this.where.owner}/${this.where.project}/${given.docid}/${given.member}`;
    const kept = given.may_edit ? Saving.kept(key) : null;
    this.#begin(kept?.annotations ?? given.annotations);
    this.saving = new Saving({
      api: this.api,
      key,
      base: kept?.base ?? given.annotations,
      etag: kept ? kept.etag : given.etag,
      current: () => this.doc.toJSON(),
      effort: this.effort,
      onState: (state, detail) => this.#say(state, detail),
      onMerged: (merged, conflicts) => this.#merged(merged, conflicts),
    });
    document.title = `${given.filename} · ${this.where.project}`;
    byId("title").textContent = given.filename;
    byId("why").textContent = given.why ?? "";
    byId("compare").href = `?${new URLSearchParams({ view: "compare", docid: given.docid })}`;
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
    this.doc = new ReviewedDocument({ annotations, parts, unit, who: `user:${user}` });
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
    this.effort?.decided(change.name);
    this.view.update(change.touched);
    if (this.focused !== null && !this.doc.entity(this.focused)) this.focused = null;
    this.refresh();
    this.saving.changed();
  }

  /** Show anew what isn't the text. */
  refresh() {
    this.card.show();
    this.labels.show();
    this.relations.show();
    this.#showProgress();
    // The list is the slowest part, and nobody waits for it.
    cancelAnimationFrame(this.listing);
    this.listing = requestAnimationFrame(() => this.list.show());
  }

  focus(id, { scroll = true } = {}) {
    this.marker.clear();
    this.focused = id;
    this.fresh = false;
    this.marker.atStart = false;
    this.view.show(id, { scroll });
    this.refresh();
    const item = this.doc.entity(id);
    if (item) this.announce(`${textOf(item.data)}, ${this.looks.nameOf(item.data.classId)}, ${this.looks.stateOf(item)}`);
  }

  /** Go to the next (1) or previous (-1) entity. */
  step(direction) {
    const items = this.doc.inOrder();
    const here = items.findIndex((item) => item.id === this.focused);
    // Who looked at nothing yet goes to the first one, not past it.
    if (this.fresh && direction > 0 && here >= 0) return this.focus(this.focused);
    const next = items[here < 0 ? (direction > 0 ? 0 : items.length - 1) : here + direction];
    if (next) this.focus(next.id);
    else this.announce(direction > 0 ? "No more after this one." : "No more before this one.");
  }

  // ---------------------------------------------------------------------------------------------------- names of things

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
    this.refresh();
    this.note("Everything in this queue is confirmed.");
  }

  reopen() {
    this.doc.confirm(false);
    this.refresh();
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
    if (!this.doc || byId("dialog").open || event.defaultPrevented) return;
    const target = keyTarget(event);
    if (target?.matches("input, textarea, select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "Enter" && target?.matches("button, a, summary")) return;
    if (this.marker.place && ["ArrowLeft", "ArrowRight"].includes(event.key) && !event.shiftKey && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      return this.marker.step(event.key === "ArrowRight" ? 1 : -1);
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
      return type && this.decisions.chooseType(type.id);
    }
    return {
      next: () => this.step(1),
      previous: () => this.step(-1),
      nextUnsure: () => this.decisions.nextDoubt(),
      accept: () => this.decisions.decide("accept"),
      reject: () => this.decisions.decide("reject"),
      undo: () => this.#back(this.doc.undo()),
      redo: () => this.#back(this.doc.redo()),
      same: () => this.decisions.same(),
      acceptAll: () => this.decisions.acceptSure(),
      types: () => this.#askType(),
      border: () => this.marker.switchBorder(),
      wordRight: () => this.marker.moveBorder(1, true),
      wordLeft: () => this.marker.moveBorder(-1, true),
      characterRight: () => this.marker.moveBorder(1, false),
      characterLeft: () => this.marker.moveBorder(-1, false),
      mark: () => this.marker.begin(),
      fragment: () => this.marker.addFragment(),
      relation: () => this.relations.link(),
      labels: () => this.card.openLabels() || byId("labels").querySelector("button, input")?.focus(),
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
    else if (this.marker.place) this.marker.clear();
    else this.focus(null);
    window.getSelection()?.removeAllRanges();
  }

  #askType() {
    const item = this.doc.entity(this.focused);
    const { place } = this.marker;
    if (this.readOnly || !(item || place)) return;
    askType(this.looks.types, place ? null : item.data.classId, (id) => this.decisions.chooseType(id));
  }

  #normalize() {
    const item = this.doc.entity(this.focused);
    const { dictionaries = {} } = this.given;
    if (!Object.keys(dictionaries).length) return this.announce("This project has no dictionary.");
    if (!item || this.readOnly) return;
    askNormalization({
      data: item.data,
      dictionaries,
      entities: this.doc.entities,
      search: (query, signal) => this.api.dictionary(query, signal),
      save: (dictionary, entry) => {
        // Not the item from before: what a colleague saved meanwhile may have numbered all of them anew.
        const change = this.doc.normalize(this.focused, dictionary, entry);
        if (!change) return this.note("Not saved: somebody else removed the entity meanwhile.", { bad: true });
        const said = entry ? [entry.name, entry.id].filter(Boolean).join(" · ") : "nothing";
        this.announce(`${textOf(item.data)}: ${said}`);
      },
    });
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
