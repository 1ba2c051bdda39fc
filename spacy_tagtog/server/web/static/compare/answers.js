// What the server answers, as sentences for people.

/** What the server says is wrong, and what to do about it: the first line of its answer, and the one that says so. */
export function lines(text) {
  const all = text.split("\n").map((line) => line.trim().replace(/[.:]$/, ""));
  const advice = all.find((line) => line.startsWith("to do: "));
  return [all[0], ...(advice ? [advice.slice("to do: ".length)] : [])];
}

/** An answer of the server as sentences. */
export const said = (text) => lines(text).map((line) => `${line[0]?.toUpperCase() ?? ""}${line.slice(1)}.`).join(" ");
