// Saving as you go: conditional, so that nobody's work is lost; kept in this browser while tagtog can't be reached.

import { equal, merge } from "./merge.js";

const PAUSE = 400; // milliseconds without a change before it is sent
const KEEP = 120; // and before it is kept in the browser
const RETRIES = [1000, 2000, 5000, 10000, 30000];

/**
 * @typedef {"saved"|"changed"|"saving"|"offline"|"refused"|"conflict"} State
 */
export class Saving {
  /**
   * @param {object} given
   * @param {object} given.api Calls of the server.
   * @param {string} given.key What this version is called in the browser's storage.
   * @param {object} given.base The ann.json that the server has.
   * @param {string} given.etag Its tag; empty where the server has no such version yet.
   * @param {() => object} given.current The ann.json as it is now.
   * @param {object} [given.effort] How long the person worked, where the project measures it.
   * @param {(state: State, detail: object) => void} given.onState
   * @param {(merged: object, conflicts: object[]) => void} given.onMerged Somebody else saved meanwhile.
   */
  constructor({ api, key, base, etag, current, effort = null, onState, onMerged, storage = window.localStorage }) {
    Object.assign(this, { api, key, base, etag, current, effort, onState, onMerged, storage });
    this.timer = null;
    this.running = null;
    this.failures = 0;
    this.state = "saved";
    this.keeping = null;
    // Whoever leaves within the pause loses nothing, either.
    this.left = () => this.keeping !== null && this.#keep();
    window.addEventListener("pagehide", this.left);
  }

  /** Another document takes its place. */
  end() {
    this.left();
    window.removeEventListener("pagehide", this.left);
  }

  /** What a closed tab or a moment offline left behind: {annotations, base, etag}, or null. */
  static kept(key, storage = window.localStorage) {
    try {
      return JSON.parse(storage.getItem(key) ?? "null");
    } catch {
      return null;
    }
  }

  /** The page changed: keep it, and send it soon. */
  changed() {
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.#keep(), KEEP);
    if (this.state !== "offline" && this.state !== "conflict") this.#say("changed");
    clearTimeout(this.timer);
    if (this.state !== "conflict") this.timer = setTimeout(() => this.flush(), PAUSE);
  }

  #keep() {
    clearTimeout(this.keeping);
    this.keeping = null;
    try {
      const kept = { annotations: this.current(), base: this.base, etag: this.etag };
      this.storage.setItem(this.key, JSON.stringify(kept));
      this.unkept = false;
    } catch {
      this.unkept = true; // the browser's storage is full or forbidden: the page says so
    }
  }

  #forget() {
    clearTimeout(this.keeping);
    this.keeping = null;
    this.storage.removeItem(this.key);
  }

  #say(state, detail = {}) {
    this.state = state;
    this.onState(state, { unkept: this.unkept, ...detail });
  }

  /** Send what isn't sent. Gives whether all is stored. */
  async flush() {
    clearTimeout(this.timer);
    if (this.running) await this.running;
    if (equal(this.current(), this.base) && this.etag) {
      this.#forget();
      this.#say("saved");
      return true;
    }
    this.running = this.#send();
    const stored = await this.running;
    this.running = null;
    return stored;
  }

  async #send() {
    this.#say("saving");
    const sent = this.current();
    const spent = this.effort?.spent();
    let answer;
    try {
      answer = await this.api.save(sent, this.etag, spent);
    } catch {
      return this.#later("offline");
    }
    if (answer.status === 412) return this.#mergeTheirs();
    if (answer.status === 507 || answer.status >= 500) return this.#later("offline", await answer.text());
    if (!answer.ok) {
      this.#keep(); // such as where a session ended: after the login it is sent
      this.#say("refused", { why: await answer.text(), status: answer.status });
      return false;
    }
    this.failures = 0;
    if (spent) this.effort.stored(spent);
    this.base = sent;
    this.etag = answer.headers.get("ETag") ?? "";
    if (equal(this.current(), sent)) {
      this.#forget();
      this.#say("saved");
      return true;
    }
    this.#keep();
    return this.#send();
  }

  #later(state, why = "") {
    const pause = RETRIES[Math.min(this.failures, RETRIES.length - 1)];
    this.failures += 1;
    this.#say(state, { why });
    this.timer = setTimeout(() => this.flush(), pause);
    return false;
  }

  async #mergeTheirs() {
    let there;
    try {
      there = await this.api.version();
    } catch {
      return this.#later("offline");
    }
    const mine = this.current();
    const { merged, conflicts } = merge(this.base, mine, there.annotations);
    this.base = there.annotations;
    this.etag = there.etag;
    if (conflicts.length) {
      this.#say("conflict", { conflicts });
      this.onMerged(merged, conflicts);
      this.#keep();
      return false;
    }
    this.onMerged(merged, []);
    return this.#send();
  }

  /** The person decided all conflicts: go on. */
  decided() {
    this.#say("changed");
    return this.flush();
  }
}
