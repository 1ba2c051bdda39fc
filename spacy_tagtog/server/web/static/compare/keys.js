// Which key does what on the page that compares. Every key can be changed or switched off, as on the review page.

import { Keys } from "../review/keys.js";

/** Actions in the order in which the help lists them: [action, what it does, default keys]. */
const ACTIONS = [
  ["next", "next difference", ["j", "ArrowDown"]],
  ["previous", "previous difference", ["k", "ArrowUp"]],
  ["nextOpen", "next undecided difference", ["Shift+J"]],
  ["left", "take left, and go to the next", ["1", "h", "ArrowLeft"]],
  ["right", "take right, and go to the next", ["2", "l", "ArrowRight"]],
  ["both", "take both", ["3", "b"]],
  ["neither", "take neither", ["0", "x"]],
  ["clear", "leave it undecided again", ["Backspace"]],
  ["allLeft", "take left wherever nothing is decided", ["Shift+H"]],
  ["allRight", "take right wherever nothing is decided", ["Shift+L"]],
  ["undo", "undo", ["u", "Ctrl+z"]],
  ["redo", "redo", ["Ctrl+y", "Ctrl+Shift+Z"]],
  ["save", "save to master, and open the next document", ["Enter"]],
  ["skip", "later: open the next document", ["s"]],
  ["help", "these keys", ["?"]],
];

export const compareKeys = () => new Keys(window.localStorage, ACTIONS, "spacy-tagtog keys of comparing");
