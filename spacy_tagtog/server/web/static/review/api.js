// Calls of the server. They accept JSON alone: so whoever is signed out gets the page to log in, not the browser's own window.

const ACCEPT = { Accept: "application/json" };

export class SignedOut extends Error {}

/** An answer that isn't what was asked for: its text is for people. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export class Api {
  /** @param {object} where owner, project, docid and member. */
  constructor(where) {
    this.where = where;
  }

  address(path, more = {}) {
    const given = Object.entries({ ...this.where, ...more }).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return `${path}?${new URLSearchParams(given)}`;
  }

  /** Ask for JSON. */
  async json(path, more, options = {}) {
    const answer = await fetch(this.address(path, more), { headers: ACCEPT, ...options });
    if (answer.status === 401) throw new SignedOut();
    if (!answer.ok) throw new Refused(answer.status, await answer.text());
    return answer.json();
  }

  /** Everything that the page needs of one document. */
  document(docid = this.where.docid) {
    return this.json("/-local/review", { docid: docid || null });
  }

  /** The stored version: {annotations, etag}. */
  async version() {
    const { annotations, etag } = await this.document();
    return { annotations, etag };
  }

  /** Save the version, if it is still the one with this tag; with none, if there is still no version. */
  save(annotations, etag, effort = null) {
    return fetch(this.address("/-local/annotations", { effort: effort && JSON.stringify(effort) }), {
      method: "PUT",
      headers: { ...ACCEPT, "Content-Type": "application/json", ...(etag ? { "If-Match": etag } : { "If-None-Match": "*" }) },
      body: JSON.stringify(annotations),
    });
  }

  /** What waits, and what comes after a document: {documents, flagged, confirmed, total, next}. */
  queue(after) {
    return this.json("/-local/queue", { docid: null, after });
  }

  /** Entries that an entity may be normalized to, the best first: {entries}. */
  dictionary(query, signal) {
    return this.json("/-local/dictionary", { docid: null, member: null, ...query }, { signal });
  }

  /** Flag a document with a note, or take the flag away (null). */
  async flag(note) {
    const options = { method: note === null ? "DELETE" : "PUT", headers: ACCEPT };
    if (note !== null) {
      options.headers = { ...ACCEPT, "Content-Type": "application/json" };
      options.body = JSON.stringify({ note });
    }
    const answer = await fetch(this.address("/-local/flag"), options);
    if (answer.status === 401) throw new SignedOut();
    if (!answer.ok) throw new Refused(answer.status, await answer.text());
  }
}
