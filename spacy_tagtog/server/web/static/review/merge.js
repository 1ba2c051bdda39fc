// Two people, one version: what both made of the same beginning, put together. No DOM in here.

/** Whether two JSON values are equal; the order of keys means nothing. */
export function equal(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && equal(one[key], other[key]));
}

const key = (value) => JSON.stringify(sorted(value));

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

/** Which annotation an entity or relation is, whatever was decided about it: so that two changes of one are seen. */
function place(item) {
  return item.offsets ? JSON.stringify([item.part, item.offsets.map((offset) => [offset.start, offset.text])]) : key(item.entities);
}

/**
 * Merge three ways.
 * @param {object} base The ann.json that both began with.
 * @param {object} mine What I made of it.
 * @param {object} theirs What is stored now.
 * @returns {{merged: object, conflicts: {what: string, base: *, mine: *, theirs: *}[]}} Where both changed the same
 *   thing in different ways, "merged" has theirs, and "conflicts" says so.
 */
export function merge(base, mine, theirs) {
  const merged = { ...theirs };
  const conflicts = [];
  for (const name of ["entities", "relations"]) {
    const lists = [base, mine, theirs].map((version) => version[name] ?? []);
    const result = mergeLists(name, ...lists, conflicts);
    if (result.length || name in theirs || name in mine) merged[name] = result;
  }
  merged.metas = mergeKeys("metas", base.metas ?? {}, mine.metas ?? {}, theirs.metas ?? {}, conflicts);
  if (!Object.keys(merged.metas).length && !("metas" in theirs) && !("metas" in mine)) delete merged.metas;
  if (!equal(Boolean(base.anncomplete), Boolean(mine.anncomplete))) merged.anncomplete = Boolean(mine.anncomplete);
  return { merged, conflicts };
}

function mergeLists(name, base, mine, theirs, conflicts) {
  // What I removed or changed is gone from mine; what I added or changed is new there.
  const [here, before] = [countedByKey(mine), countedByKey(base)];
  const gone = base.filter((item) => !take(here, item));
  const added = mine.filter((item) => !take(before, item));
  const result = [...theirs];
  const replaced = new Map(added.map((item) => [item, gone.find((old) => place(old) === place(item))]));
  const used = new Set();
  for (const [item, old] of replaced) {
    if (old) used.add(old);
    if (theirs.some((other) => equal(other, item))) continue; // both did the same
    const at = old ? result.findIndex((other) => equal(other, old)) : -1;
    if (at >= 0) {
      result[at] = item;
      continue;
    }
    const rival = result.find((other) => place(other) === place(item) && !base.some((one) => equal(one, other)));
    if (rival || old) conflicts.push({ what: name, base: old ?? null, mine: item, theirs: rival ?? null });
    else result.push(item);
  }
  for (const old of gone) {
    if (used.has(old)) continue;
    const at = result.findIndex((other) => equal(other, old));
    if (at >= 0) {
      result.splice(at, 1);
      continue;
    }
    const rival = result.find((other) => place(other) === place(old));
    if (rival) conflicts.push({ what: name, base: old, mine: null, theirs: rival });
  }
  return result;
}

function mergeKeys(name, base, mine, theirs, conflicts) {
  const result = { ...theirs };
  for (const one of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    if (equal(base[one], mine[one]) || equal(mine[one], theirs[one])) continue;
    if (!equal(base[one], theirs[one])) {
      conflicts.push({ what: `${name}.${one}`, base: base[one] ?? null, mine: mine[one] ?? null, theirs: theirs[one] ?? null });
    } else if (one in mine) {
      result[one] = mine[one];
    } else {
      delete result[one];
    }
  }
  return result;
}

function countedByKey(items) {
  const counts = new Map();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function take(counts, item) {
  const left = counts.get(key(item)) ?? 0;
  if (!left) return false;
  counts.set(key(item), left - 1);
  return true;
}
