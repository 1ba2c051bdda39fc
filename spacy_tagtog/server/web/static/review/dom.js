// Elements, made without markup: text reaches the page as text and never as HTML.

/**
 * Make an element.
 * @param {string} tag Such as "button".
 * @param {object} [given] Attributes; "class", "text", "data" and functions as "onclick" are understood.
 * @param {...(Node|string|null)} children
 */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

const FOCUSABLE = "a, button, input, select, textarea, summary";

/** Make what an element holds anew; where the focus was in there, it goes to what took that place. */
export function keepingFocus(root, makeAnew) {
  const active = document.activeElement;
  const at = root.contains(active) ? [...root.querySelectorAll(FOCUSABLE)].indexOf(active) : -1;
  const id = at < 0 ? null : active.dataset.id;
  makeAnew();
  if (at < 0) return;
  const place = (id && root.querySelector(`[data-id="${id}"]`)) || root.querySelectorAll(FOCUSABLE)[at];
  place?.focus({ preventScroll: true });
}

/** "1 document", "2 documents". */
export const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** A probability as people read it. 100 % is certain, and nothing else is. */
export const percent = (probability) =>
  `${probability < 1 ? Math.min(99, Math.round(probability * 100)) : 100} %`;

const SIGNS = { Shift: "⇧", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/** A key as buttons show it: "Shift+ArrowLeft" is ⇧←. */
export const keyText = (key) =>
  key.length > 1
    ? key
        .split("+")
        .map((piece) => SIGNS[piece] ?? piece)
        .join("")
    : key;

/**
 * The element that a key was pressed in, or null where the key means the page. Until the browser draws again, the focus
 * stays in a window that was closed.
 */
export function keyTarget(event) {
  const target = event.target.matches ? event.target : null;
  return target?.closest("dialog:not([open])") ? null : target;
}
