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

/** How a list changed: key of an item → {item, change}, the change being the number of copies more or fewer. */
function changes(base, list) {
  const found = new Map();
  const count = (items, step) => {
    for (const item of items) {
      const one = found.get(key(item)) ?? { item, change: 0 };
      found.set(key(item), { item, change: one.change + step });
    }
  };
  count(base, -1);
  count(list, 1);
  for (const [name, { change }] of found) if (!change) found.delete(name);
  return found;
}

/** The items that came (sign 1) or went (sign -1) at a place. */
const at = (changed, where, sign) =>
  [...changed.values()].filter(({ item, change }) => change * sign > 0 && place(item) === where).map(({ item }) => item);

function mergeLists(what, base, mine, theirs, conflicts) {
  const [my, their] = [changes(base, mine), changes(base, theirs)];
  const disputed = new Set();
  for (const [name, { item, change }] of my) {
    const where = place(item);
    if (change > 0 || !(their.get(name)?.change < 0) || disputed.has(where)) continue;
    const [here, there] = [at(my, where, 1), at(their, where, 1)];
    if (equal(here.map(key).sort(), there.map(key).sort())) continue;
    disputed.add(where);
    conflicts.push({ what, base: item, mine: here[0] ?? null, theirs: there[0] ?? null });
  }
  const result = [...theirs];
  for (const [name, { item, change }] of my) {
    if (change > 0 || disputed.has(place(item))) continue;
    const gone = Math.max(0, -change - Math.max(0, -(their.get(name)?.change ?? 0)));
    for (let copy = 0; copy < gone; copy += 1) {
      const index = result.findIndex((other) => equal(other, item));
      if (index < 0) break;
      // What I made of it takes its place, so that the order stays.
      const made = at(my, place(item), 1).find((one) => !result.some((other) => equal(other, one)));
      result.splice(index, 1, ...(made ? [made] : []));
    }
  }
  for (const [name, { item, change }] of my) {
    if (change < 0 || disputed.has(place(item))) continue;
    const wanted = base.filter((one) => key(one) === name).length + Math.max(change, their.get(name)?.change ?? 0);
    while (result.filter((one) => key(one) === name).length < wanted) result.push(item);
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
