// The files that somebody chose or dropped, as documents: a content, and its annotations where they are beside it.

const ANNOTATIONS = ".ann.json";
const CONTENTS = [".plain.html", ".html", ".xml"];

/** The files of a drop: those in folders, too. Each is {file, path}; file is null where it can't be read. */
export async function dropped(transfer) {
  // The items are gone once the event is over: entries are asked for before anything is waited for.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await collect(entry, "", found);
  return found;
}

/** The files of a chooser. */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function collect(entry, folder, found) {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    found.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  // Each call gives some of what is in the folder, until there is no more.
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done(null)));
    if (!some) found.push({ file: null, path });
    if (!some?.length) return;
    for (const one of some) await collect(one, `${path}/`, found);
  }
}

const without = (path, endings) => {
  const ending = endings.find((one) => path.endsWith(one) && path.length > one.length);
  return ending ? path.slice(0, -ending.length) : null;
};

const baseOf = (path) => without(path, CONTENTS) ?? (path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : path);

/** Files as documents: what has one base name goes in one request. The server decides what belongs together. */
export function grouped(files) {
  const groups = new Map();
  for (const one of files) {
    const base = without(one.path, [ANNOTATIONS]) ?? baseOf(one.path);
    groups.set(base, [...(groups.get(base) ?? []), one]);
  }
  return [...groups.values()].flatMap((group) =>
    // Without annotations each file is a document of its own.
    group.some((one) => one.path.endsWith(ANNOTATIONS)) ? [group] : group.map((one) => [one]),
  );
}
