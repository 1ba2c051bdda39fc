// What this browser keeps: decisions until they are saved, and a choice. Without storage the page goes on, and warns.

/** Decisions that were kept; none where something else stands there. */
export function decisionsOf(text) {
  try {
    const found = JSON.parse(text ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

export function stored(key) {
  try {
    return window.localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function store(key, text) {
  try {
    window.localStorage.setItem(key, text);
    return true;
  } catch {
    return false; // full or forbidden: the page warns before it is left
  }
}

export function forget(key) {
  try {
    window.localStorage.removeItem(key);
  } catch {
    // Then nothing was kept, either.
  }
  return true;
}
