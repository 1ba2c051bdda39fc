// The page that compares: what keys and buttons do, and which part of the page shows it.

import { Refused, SignedOut } from "../review/api.js";
import { showKeys } from "../review/dialogs.js";
import { ReviewedDocument } from "../review/document.js";
import { counted, fill, keyTarget, make } from "../review/dom.js";
import { Looks } from "../review/look.js";
import { TextView } from "../review/text.js";
import { lines, said } from "./answers.js";
import { Away, CompareApi } from "./api.js";
import { Card } from "./card.js";
import { Decisions } from "./decisions.js";
import { decisionsOf, forget, store, stored } from "./kept.js";
import { compareKeys } from "./keys.js";
import { DifferenceList } from "./list.js";
import { DocumentList } from "./queue.js";
import { askFirst, fillChooser, VersionActions } from "./versions.js";
import { Words } from "./words.js";

const CHOICES = ["left", "right", "both", "neither"];
const CONFIRMS = "spacy-tagtog comparing confirms";
const AWAY = "The server can't be reached. Your decisions are kept in this browser: try again when it is there.";
const byId = (id) => document.getElementById(id);

export class Page {
  constructor(where) {
    this.where = where;
    this.api = new CompareApi(this.where);
    this.keys = compareKeys();
    this.queue = new DocumentList(byId("queue"), (docid) => this.open({ docid }));
    this.list = new DifferenceList(byId("list"), this);
    this.card = new Card(byId("card"), this);
    this.actions = new VersionActions(byId("versions"), this);
    this.current = null;
    document.addEventListener("keydown", (event) => this.#pressed(event));
    byId("text").addEventListener("click", (event) => this.#clicked(event));
    byId("choosers").addEventListener("submit", (event) => {
      event.preventDefault();
      byId("page").focus();
      this.open({ left: byId("left").value, right: byId("right").value });
    });
    byId("confirm").checked = stored(CONFIRMS) === "yes";
    byId("confirm").addEventListener("change", () => store(CONFIRMS, byId("confirm").checked ? "yes" : "no"));
    window.addEventListener("popstate", () => this.open(Object.fromEntries(new URLSearchParams(location.search)), { push: false }));
    window.addEventListener("beforeunload", (event) => this.unkept && event.preventDefault());
  }

  // ------------------------------------------------------------------------------------------------------- opening

  async start() {
    await this.open({}, { push: false });
  }

  /** Open a document, or compare other versions of it. What was decided stays in this browser. */
  async open({ docid = this.where.docid, left = this.where.left, right = this.where.right } = {}, { push = true } = {}) {
    this.#note("");
    const turn = this.#turn();
    try {
      Object.assign(this.where, { docid, left, right });
      if (!this.where.docid) await this.#first();
      if (!this.where.docid) return;
      const listed = await this.api.versions(this.where.docid);
      if (turn !== this.turn) return; // another document was asked for meanwhile
      this.listed = listed;
      const [one = "", other = ""] = this.listed.suggested;
      if (!this.where.left || !this.where.right) Object.assign(this.where, { left: one, right: other });
      // The address always names both: so the way back leads to what was compared.
      history[push ? "pushState" : "replaceState"]({}, "", this.#address());
      this.#showListed();
      if (!this.where.left) return this.#nothing("There is one version of this document, and nothing to compare it with.");
      await this.#compare();
    } catch (error) {
      this.#failed(error);
    }
  }

  #turn() {
    this.turn = (this.turn ?? 0) + 1;
    return this.turn;
  }

  #address() {
    const { docid, left, right } = this.where;
    return `?${new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.search)), docid, left, right })}`;
  }

  /** The first document that differs; without versions the server names two that are worth comparing. */
  async #first() {
    const found = await this.api.documents(null);
    const { next: docid, left, right } = found;
    Object.assign(this.where, { docid, left, right });
    if (docid) return;
    this.#nothing(left ? `No document differs between ${left} and ${right}.` : "No document has two versions yet.");
    if (left) this.queue.show(found, null, [left, right]);
  }

  #nothing(text) {
    this.given = null;
    byId("title").textContent = byId("title").textContent || "Compare";
    fill(byId("text"), make("p", { text }));
    this.#announce(text);
  }

  #showListed() {
    const { filename, page, docid } = this.listed;
    document.title = `Compare ${filename} · ${this.where.project}`;
    fill(byId("title"), make("a", { href: page, text: filename }));
    byId("review-link").href = `?view=review&docid=${encodeURIComponent(docid)}`;
    for (const side of ["left", "right"]) fillChooser(byId(side), this.listed, this.where[side]);
    byId("compare").disabled = false;
    this.actions.show();
  }

  async #compare({ keep = null, why = "" } = {}) {
    this.given = null;
    this.current = null;
    this.#refresh();
    const { turn } = this;
    const given = await this.api.compare(this.where.docid);
    if (turn !== this.turn) return;
    this.given = given;
    this.words = new Words(given);
    const kept = keep ?? decisionsOf(stored(this.#key()));
    this.decisions = new Decisions(given.differences, kept);
    this.#begin();
    const lost = Object.keys(kept).length - this.decisions.made.size;
    const all = Object.keys(kept).length;
    if (all && (why || lost)) {
      this.#note(`${why || "A version changed since you decided."} ${counted(all - lost, "decision")} of ${all} still ${all - lost === 1 ? "applies" : "apply"}.`);
    } else this.#note(why);
    const { left, right } = given;
    const both = counted(given.agreed, "entity", "entities");
    byId("said").textContent = [
      `${left.title} and ${right.title} share ${both}. They differ in ${counted(given.differences.length, "place")}.`,
      this.readOnly && `${this.listed.may.why_not} You can look, but not decide.`,
      !this.readOnly && !this.#hasMaster && given.master.entities && `Saving replaces what master has now (${counted(given.master.entities, "entity", "entities")}).`,
    ].filter(Boolean).join(" ");
    fill(byId("notes"), ...given.notes.map((text) => make("li", { text })));
    byId("notes").hidden = !given.notes.length;
    this.actions.show();
    this.#announce(`${this.listed.filename}: ${counted(given.differences.length, "difference")}`);
    this.focus(this.decisions.open[0] ?? this.decisions.differences[0] ?? null, { quiet: true });
    this.#showQueue();
  }

  #begin() {
    const { entities, parts, names } = this.given;
    // Marks are numbered as the server lists them: the entity of a mark has its number and one.
    this.doc = new ReviewedDocument({ annotations: { entities }, parts, unit: "code-point", who: "" });
    this.looks = new Looks(names.types);
    this.ofMark = new Map();
    for (const one of this.given.differences) {
      for (const mark of this.marksOf(one)) {
        if (one.kind !== "relation" || !this.ofMark.has(mark)) this.ofMark.set(mark, [...(this.ofMark.get(mark) ?? []), one]);
      }
    }
    this.view = new TextView(byId("text"), this.doc, (item) => this.#look(item));
    this.#refresh();
  }

  async #showQueue() {
    const { docid } = this.where;
    try {
      const found = this.#isOfOneDocument ? null : await this.api.documents(docid);
      this.queue.show(found, docid, [this.words.sideName("left"), this.words.sideName("right")]);
    } catch {
      // The document is here, and that matters more. The next one asks again.
    }
  }

  // ------------------------------------------------------------------------------------------------------ the text

  /** The entities that a difference is about, by their numbers. */
  marksOf(one) {
    if (one.kind === "entity") return [one.left?.mark, one.right?.mark].filter((mark) => mark !== undefined);
    if (one.kind === "relation") return (one.left ?? one.right).ends;
    return one.at === null ? [] : [one.at];
  }

  #look(item) {
    const mark = item.id - 1;
    const { side, classId } = this.given.entities[mark];
    const own = this.ofMark.get(mark)?.find((one) => one.kind === (side === "both" ? "label" : "entity"));
    const taken = side === "both" ? true : this.decisions.takes(own.id, side);
    const waits = own && this.decisions.of(own.id) === null;
    const classes = [side === "both" ? "agreed" : side];
    if (this.current && this.marksOf(this.current).includes(mark)) classes.push("current");
    return {
      type: this.looks.number.get(classId) ?? 9,
      label: `${{ left: "1 ", right: "2 ", both: "" }[side]}${this.looks.nameOf(classId)}`,
      suggested: taken === null,
      removed: taken === false,
      unsure: Boolean(waits),
      classes,
    };
  }

  #redraw(differences) {
    const marks = differences.filter(Boolean).flatMap((one) => this.marksOf(one));
    this.view.update([...new Set(marks)].map((mark) => mark + 1));
  }

  around(mark) {
    return this.words.around(mark, this.doc.ranges(this.given.entities[mark]));
  }

  #clicked(event) {
    if (!this.given || !window.getSelection().isCollapsed) return;
    const id = this.view.entityAt(event.target);
    if (id === null) return;
    const [one] = this.ofMark.get(id - 1) ?? [];
    if (one) this.focus(one, { scroll: false });
    else this.#announce(`${this.words.textOf(id - 1)}, ${this.words.nameOf(this.given.entities[id - 1].classId)}: both have it`);
  }

  // ------------------------------------------------------------------------------------------------------ decisions

  get readOnly() {
    return !this.listed?.may.master;
  }

  focus(one, { scroll = true, quiet = false } = {}) {
    const old = this.current;
    this.current = one;
    const [mark] = one ? this.marksOf(one) : [];
    this.view.show(mark === undefined ? null : mark + 1, { scroll });
    this.#redraw([old, one]);
    this.#refresh();
    if (one && !quiet) this.#announce(this.#spoken(one));
  }

  #spoken(one) {
    const { words } = this;
    const side = (name) => `${words.sideName(name)}: ${words.says(one, name).text}`;
    return `${words.subject(one)}, ${words.how(one)}. ${side("left")}; ${side("right")}. ${words.decision(one, this.decisions.of(one.id))}`;
  }

  #step(direction, wanted = () => true) {
    const { differences } = this.decisions;
    let index = differences.indexOf(this.current);
    if (index < 0 && direction < 0) index = differences.length;
    for (index += direction; index >= 0 && index < differences.length; index += direction) {
      if (wanted(differences[index])) return this.focus(differences[index]);
    }
    this.#announce(direction > 0 ? "No more after this one." : "No more before this one.");
  }

  #decide(choice) {
    const one = this.current;
    if (!one) return this.#step(1);
    if (choice !== null && !one.choices.includes(choice)) return this.#announce("A label has one value: take left, right, or neither.");
    this.#changed(this.decisions.decide([one.id], choice));
    this.#announce(`${this.words.subject(one)}: ${this.words.decision(one, this.decisions.of(one.id))}`);
    if (choice !== null) this.#advance(one);
  }

  /** After a decision: the next one that waits for one, from here on and then from the beginning. */
  #advance(one) {
    const { differences } = this.decisions;
    const here = differences.indexOf(one);
    const around = [...differences.slice(here + 1), ...differences.slice(0, here)];
    const next = around.find((other) => this.decisions.of(other.id) === null);
    if (next) this.focus(next);
    else this.#announce(`All decided.${this.readOnly ? "" : " Enter saves to master."}`);
  }

  #decideRest(side) {
    const ids = this.decisions.open.map((one) => one.id);
    const changed = this.decisions.decide(ids, side);
    this.#changed(changed);
    this.#announce(changed ? `${this.words.sideName(side)}: ${counted(changed.length, "difference")} decided` : "Everything is decided.");
  }

  #back(changed, nothing) {
    if (!changed) return this.#announce(nothing);
    this.#changed(changed);
    this.focus(this.decisions.byId.get(changed[0]));
  }

  #changed(ids) {
    if (!ids) return;
    this.#redraw(ids.map((id) => this.decisions.byId.get(id)));
    const text = JSON.stringify(this.decisions);
    this.unkept = text === "{}" ? !forget(this.#key()) : !store(this.#key(), text);
    this.#refresh();
  }

  #key() {
    const { owner, project, docid, left, right } = this.where;
    return `spacy-tagtog compare ${owner}/${project}/${docid}/${left}/${right}`;
  }

  /** Whether a relation would be taken of which an entity isn't. */
  lacksAnEnd(one) {
    if (one.kind !== "relation") return false;
    const side = one.left ? "left" : "right";
    if (!this.decisions.takes(one.id, side)) return false;
    return one[side].ends.some((mark) => {
      const own = this.ofMark.get(mark)?.find((other) => other.kind === "entity");
      // Of one with another type or border, what was taken stands for it.
      return own && !["left", "right"].some((other) => own[other] && this.decisions.takes(own.id, other));
    });
  }

  #refresh() {
    const loaded = Boolean(this.given);
    const open = loaded ? this.decisions.open.length : 0;
    const total = loaded ? this.decisions.differences.length : 0;
    this.card.show();
    // The list is the slowest part, and nobody waits for it.
    cancelAnimationFrame(this.listing);
    if (loaded) this.listing = requestAnimationFrame(() => this.list.show());
    byId("progress").max = Math.max(1, total);
    byId("progress").value = total ? total - open : Number(loaded);
    byId("left-over").textContent = !loaded ? "" : open ? `${open} undecided` : total ? "all decided" : "no difference";
    byId("undo").disabled = !loaded || !this.decisions.done.length;
    byId("redo").disabled = !loaded || !this.decisions.undone.length;
    byId("save").disabled = !loaded || this.readOnly;
    byId("confirm").disabled = this.readOnly;
  }

  // --------------------------------------------------------------------------------------------------------- saving

  /** An earlier save is of this document alone: no other one comes after it. */
  get #isOfOneDocument() {
    return [this.where.left, this.where.right].some((side) => side.startsWith("save:") && side !== "save:model");
  }

  get #hasMaster() {
    return [this.where.left, this.where.right].includes("master");
  }

  #save() {
    if (!this.given || this.saving) return;
    if (this.readOnly) return this.#announce(this.listed.may.why_not);
    const { differences, open } = this.decisions;
    if (!differences.length && this.#hasMaster && !byId("confirm").checked) return this.#next("Nothing differs here.");
    const { master } = this.given;
    const sentences = [];
    if (open.length) {
      sentences.push(`${counted(open.length, "difference isn't", "differences aren't")} decided. Master will have neither side of ${open.length === 1 ? "it" : "them"}.`);
    }
    if (!this.#hasMaster && master.people) {
      sentences.push(`Master has ${counted(master.people, "annotation")} that people made or accepted. They are replaced; the history keeps them and can restore them.`);
    }
    if (master.complete && !byId("confirm").checked) sentences.push("Master is confirmed. After this it isn't any more.");
    if (!sentences.length) return this.#send();
    return askFirst("Save to master?", sentences, "Save to master", () => this.#send(), { danger: true });
  }

  async #send() {
    const { given, decisions } = this;
    this.saving = true;
    byId("save").disabled = true;
    try {
      const confirm = byId("confirm").checked;
      const { etag, annotations } = await this.api.save(decisions.toJSON(), given.tags, confirm, given.master.etag);
      given.master = { etag, complete: confirm, entities: annotations.entities.length, people: annotations.entities.length };
      forget(this.#key());
      this.unkept = false;
      const open = decisions.open.length;
      await this.#next(`Saved to master${confirm ? ", confirmed" : ""}${open ? `, ${open} undecided left out` : ""}.`);
    } catch (error) {
      if (error instanceof Refused && error.status === 412) await this.#again(error);
      else this.#failed(error);
    } finally {
      this.saving = false;
      this.#refresh();
    }
  }

  /** Somebody saved in between: compare anew, and keep the decisions that still apply. */
  async #again(error) {
    const kept = this.decisions.toJSON();
    const [what] = lines(error.message);
    try {
      this.listed = await this.api.versions(this.where.docid);
      this.#showListed();
      await this.#compare({ keep: kept, why: `Not saved: ${what}. The versions were compared again.` });
      this.#changed([]);
    } catch (failure) {
      this.#failed(failure);
    }
  }

  /** Open the next document that differs. */
  async #next(said) {
    const { docid } = this.where;
    try {
      const found = this.#isOfOneDocument ? { next: null, documents: [] } : await this.api.documents(docid);
      if (found.next) {
        await this.open({ docid: found.next });
        if (this.given) this.#announce(`${said} ${this.listed.filename}: ${counted(this.decisions.differences.length, "difference")}`);
        return;
      }
      // Master has changed; with other versions, what was decided stays in view.
      if (this.#hasMaster) await this.open({}, { push: false });
      else this.listed = await this.api.versions(docid);
      const before = found.documents.filter((one) => one.docid !== docid).length;
      const rest = before ? `${found.is_complete ? "" : "At least "}${counted(before, "document")} before it still ${before === 1 ? "differs" : "differ"}.` : "No other document differs.";
      this.#note(this.#isOfOneDocument ? said : `${said} ${rest}`);
      this.#showQueue();
    } catch (error) {
      this.#failed(error);
    }
  }

  async copy(side, target, there) {
    await this.#replaceVersion(
      () => this.api.copy(side.side, target, there ? `"${there.tag}"` : ""),
      `${side.title} was copied to ${target === "master" ? "master" : "your version"}.`,
    );
  }

  async merge(strategy, there) {
    await this.#replaceVersion(() => this.api.merge(strategy, "master", there ? `"${there.tag}"` : ""), "The confirmed versions were merged into master.");
  }

  async #replaceVersion(call, said) {
    try {
      await call();
      await this.open({}, { push: false });
      this.#note(`${said} `, { link: ["Its history can take it back.", `${this.listed.page}?view=history`] });
    } catch (error) {
      const changed = error instanceof Refused && error.status === 412;
      if (changed) await this.open({}, { push: false });
      this.#failed(changed ? new Refused(412, "Not done: somebody else saved that version meanwhile. Look again, then repeat it.") : error);
    }
  }

  // -------------------------------------------------------------------------------------------------- errors, notes

  #failed(error) {
    if (error instanceof SignedOut) {
      location.assign(`/-local/login?next=${encodeURIComponent(location.pathname + this.#address())}`);
      return;
    }
    if (!(error instanceof Refused || error instanceof Away)) throw error;
    this.#note(error instanceof Refused ? said(error.message) : AWAY, { bad: true });
  }

  #note(text, { bad = false, link = null } = {}) {
    fill(byId("notice"), text, link && make("a", { href: link[1], text: link[0] }));
    byId("notice").classList.toggle("bad", bad);
  }

  #announce(text) {
    byId("live").textContent = text;
  }

  // -------------------------------------------------------------------------------------------------------- keys

  #pressed(event) {
    const target = keyTarget(event);
    if (byId("dialog").open || event.defaultPrevented || target?.matches("select")) return;
    if (event.key === "Enter" && target?.matches("button, a")) return;
    const action = this.keys.action(event);
    if (!action) return;
    event.preventDefault();
    this.act(action);
  }

  act(action) {
    if (this.saving || (!this.given && !["help", "skip"].includes(action))) return;
    const decides = [...CHOICES, "clear", "allLeft", "allRight", "undo", "redo"].includes(action);
    if (decides && this.readOnly) return this.#announce(this.listed.may.why_not);
    if (CHOICES.includes(action)) return this.#decide(action);
    return {
      next: () => this.#step(1),
      previous: () => this.#step(-1),
      nextOpen: () => this.#step(1, (one) => this.decisions.of(one.id) === null),
      clear: () => this.#decide(null),
      allLeft: () => this.#decideRest("left"),
      allRight: () => this.#decideRest("right"),
      undo: () => this.#back(this.decisions.undo(), "Nothing to take back."),
      redo: () => this.#back(this.decisions.redo(), "Nothing to do again."),
      save: () => this.#save(),
      skip: () => this.#next("Left for later."),
      help: () => showKeys(this.keys, () => this.card.show(), { note: "", maps: [["own", "this page's keys"]], choices: [] }),
    }[action]?.();
  }
}
