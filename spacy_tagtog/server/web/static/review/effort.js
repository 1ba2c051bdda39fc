// How long a person works on a document: only while the page is looked at, and only where the project measures it.

const IDLE = 60000; // milliseconds: a longer pause isn't work on this document
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "scroll"];

export class Effort {
  /**
   * @param {() => number} now Milliseconds since some moment.
   * @param {EventTarget} target Where signs of life are seen.
   */
  constructor({ now = () => performance.now(), target = window } = {}) {
    Object.assign(this, { now, target });
    this.total = 0;
    this.thinking = 0; // since the last decision
    this.decisions = {};
    this.last = this.#isLookedAt() ? now() : null;
    this.alive = () => this.#tick();
    this.looked = () => {
      this.#tick();
      this.last = this.#isLookedAt() ? this.now() : null;
    };
    for (const sign of SIGNS) target.addEventListener(sign, this.alive, { capture: true, passive: true });
    for (const name of ["focus", "blur"]) target.addEventListener(name, this.looked);
    document.addEventListener("visibilitychange", this.looked);
  }

  /** Another document takes its place. */
  end() {
    for (const sign of SIGNS) this.target.removeEventListener(sign, this.alive, { capture: true });
    for (const name of ["focus", "blur"]) this.target.removeEventListener(name, this.looked);
    document.removeEventListener("visibilitychange", this.looked);
  }

  #isLookedAt() {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  #tick() {
    if (this.last === null) return;
    const now = this.now();
    const passed = Math.min(now - this.last, IDLE);
    this.total += passed;
    this.thinking += passed;
    this.last = now;
  }

  /** A decision was made, such as "accept": the time since the one before went into it. */
  decided(kind) {
    this.#tick();
    const [number, time] = this.decisions[kind] ?? [0, 0];
    this.decisions[kind] = [number + 1, time + this.thinking];
    this.thinking = 0;
  }

  /** What was spent and isn't stored yet: {seconds, decisions: kind to [number, seconds]}. */
  spent() {
    this.#tick();
    const rounded = (time) => Math.round(time / 100) / 10;
    const decisions = Object.entries(this.decisions).map(([kind, [number, time]]) => [kind, [number, rounded(time)]]);
    return { seconds: rounded(this.total), decisions: Object.fromEntries(decisions) };
  }

  /** This much is stored now. */
  stored({ seconds, decisions }) {
    this.total = Math.max(0, this.total - seconds * 1000);
    for (const [kind, [number, time]] of Object.entries(decisions)) {
      const [all, spent] = this.decisions[kind];
      if (all > number) this.decisions[kind] = [all - number, Math.max(0, spent - time * 1000)];
      else delete this.decisions[kind];
    }
  }
}
