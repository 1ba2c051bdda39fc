// Relations: shown as the texts of their entities, and made by going from one entity to the other.

import { askChoice } from "./dialogs.js";
import { fill, make } from "./dom.js";
import { textOf } from "./look.js";

const LINKING = "Relation: go to the other entity and press Enter, or click it. Escape leaves.";
const SHOWN = 200;

export class Relations {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.first = null; // the entity that a relation begins at, while the other one is looked for
  }

  get linking() {
    return this.first !== null;
  }

  #kinds() {
    return Object.entries(this.page.given.relations ?? {});
  }

  #rows() {
    const { doc, given } = this.page;
    return doc.relations.map((item) => {
      const ends = item.data.entities.map((reference) => doc.resolve(reference));
      const texts = ends.map((end) => (end === null ? "(gone)" : textOf(doc.entity(end).data)));
      const name = given.relations?.[item.data.classId]?.name ?? item.data.classId;
      return { id: item.id, ends, name, text: texts.join(item.data.directed ? " → " : " — ") };
    });
  }

  /** The relations of an entity: [{id, ends, name, text}]. */
  of(id) {
    return this.#rows().filter((relation) => relation.ends.includes(id));
  }

  show() {
    const rows = this.#rows();
    this.root.hidden = !rows.length;
    const items = rows
      .slice(0, SHOWN)
      .map((row) => make("li", {}, make("span", { text: row.text, dir: "auto" }), make("span", { class: "note", text: row.name })));
    if (rows.length > SHOWN) items.push(make("li", { class: "note", text: `${rows.length - SHOWN} more: see the entities` }));
    fill(this.root, make("h2", { text: `Relations · ${rows.length}` }), make("ul", {}, ...items));
  }

  /** Begin a relation at the entity in focus, or end the one that was begun. */
  link() {
    const { focused } = this.page;
    if (focused === null) return;
    if (this.linking) return this.linkTo(focused);
    if (!this.#kinds().length) return this.page.announce("This project has no relations.");
    this.first = focused;
    this.page.announce(LINKING);
    this.page.note(LINKING);
  }

  linkTo(id) {
    const { first } = this;
    if (first === id) return;
    const kinds = this.#kinds();
    this.leave();
    const relate = (kind) => {
      this.page.doc.relate(kind, first, id);
      this.page.focus(id);
    };
    if (kinds.length === 1) return relate(kinds[0][0]);
    askChoice("Which relation?", kinds.map(([kind, { name }]) => [name, () => relate(kind)]));
  }

  leave() {
    this.first = null;
    this.page.note("");
  }
}
