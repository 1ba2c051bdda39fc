// Which key does what. Every key can be changed or switched off. The choice is kept in this browser, and so is what
// "accept all" and "all equal" take.

/** Actions in the order in which the help lists them: [action, what it does, default keys, keys of tagtog's editor]. */
export const ACTIONS = [
  ["next", "next entity", ["j", "ArrowDown"], ["ArrowDown"]],
  ["previous", "previous entity", ["k", "ArrowUp"], ["ArrowUp"]],
  ["nextUnsure", "next unsure one or likely miss", ["Shift+J"], ["Shift+ArrowDown"]],
  ["accept", "accept, and go to the next", ["a"], ["a"]],
  ["reject", "reject, and go to the next", ["x"], ["d"]],
  ["undo", "undo", ["u", "Ctrl+z"], ["Ctrl+z"]],
  ["redo", "redo", ["Ctrl+y", "Ctrl+Shift+Z"], ["Ctrl+y"]],
  ["same", "the same for all equal strings", ["e"], ["e"]],
  ["acceptAll", "accept all that is surer than the threshold", ["Shift+A"], ["Shift+A"]],
  ["types", "list of types", ["y"], ["y"]],
  ["border", "which border moves: end or start", ["b"], ["b"]],
  ["wordRight", "border one word to the right", ["Shift+ArrowRight"], ["Shift+ArrowRight"]],
  ["wordLeft", "border one word to the left", ["Shift+ArrowLeft"], ["Shift+ArrowLeft"]],
  ["characterRight", "border one character to the right", ["Alt+ArrowRight"], ["Alt+ArrowRight"]],
  ["characterLeft", "border one character to the left", ["Alt+ArrowLeft"], ["Alt+ArrowLeft"]],
  ["mark", "mark a word; arrows move, with Shift they extend", ["n"], ["n"]],
  ["fragment", "add the marked words to this entity", ["+"], ["+"]],
  ["relation", "relation to another entity", ["r"], ["t"]],
  ["labels", "labels of the entity and the document", ["l"], ["l"]],
  ["normalize", "what it is in a dictionary", ["m"], ["m"]],
  ["save", "save now", ["Ctrl+s"], ["s"]],
  ["confirm", "confirm, and open the next document", ["Enter"], ["Enter"]],
  ["flag", "flag for a colleague, with a note", ["f"], ["f"]],
  ["skip", "later: open the next document", ["s"], []],
  ["previousDocument", "previous document", ["["], ["["]],
  ["nextDocument", "next document", ["]"], ["]"]],
  ["probabilities", "show all probabilities, or those of the unsure alone", ["p"], ["p"]],
  ["help", "these keys", ["?"], ["?"]],
  ["leave", "leave", ["Escape"], ["Escape"]],
];

const STORED = "spacy-tagtog keys";

/** A key press as it is written in the table above. */
export function nameOf(event) {
  const key = event.key.length === 1 ? event.key : event.key;
  const pieces = [];
  if (event.ctrlKey || event.metaKey) pieces.push("Ctrl");
  if (event.altKey) pieces.push("Alt");
  // A shifted character says so itself ("?", "+"), a letter and a named key don't.
  if (event.shiftKey && (key.length > 1 || key.toLowerCase() !== key.toUpperCase())) pieces.push("Shift");
  pieces.push(event.shiftKey && key.length === 1 ? key.toUpperCase() : key);
  return pieces.join("+");
}

export class Keys {
  constructor(storage = window.localStorage, actions = ACTIONS, stored = STORED) {
    Object.assign(this, { storage, actions, stored });
    this.settings = { on: true, map: "own", changed: {}, threshold: 0.95, anyCase: false };
    try {
      Object.assign(this.settings, JSON.parse(storage.getItem(stored) ?? "{}"));
    } catch {
      // Somebody else's entry, or none: the default.
    }
    this.#index();
  }

  #index() {
    this.actionOf = new Map();
    for (const [action] of this.actions) this.keysOf(action).forEach((key) => this.actionOf.set(key, action));
  }

  /** The keys of an action; none where it is switched off. */
  keysOf(action) {
    if (action in this.settings.changed) return this.settings.changed[action];
    const row = this.actions.find(([name]) => name === action);
    return this.settings.map === "tagtog" ? row[3] : row[2];
  }

  /** The action of a key press: its name, or a digit for a type; null where there is none. */
  action(event) {
    if (!this.settings.on) return null;
    const name = nameOf(event);
    if (this.actionOf.has(name)) return this.actionOf.get(name);
    return /^[1-9]$/.test(name) ? name : null;
  }

  /** Give an action other keys, none to switch it off; null for the default. */
  change(action, keys) {
    if (keys === null) delete this.settings.changed[action];
    else this.settings.changed[action] = keys;
    this.#store();
  }

  choose(settings) {
    Object.assign(this.settings, settings);
    this.#store();
  }

  #store() {
    this.#index();
    try {
      this.storage.setItem(this.stored, JSON.stringify(this.settings));
    } catch {
      // Without storage the choice holds for this page.
    }
  }
}
