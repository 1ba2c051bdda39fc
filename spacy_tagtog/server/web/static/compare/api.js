// Calls of the server for the page that compares.

import { Api } from "../review/api.js";

const JSON_BODY = { Accept: "application/json", "Content-Type": "application/json" };

/** The header that lets a save pass only if nobody else saved since. */
const unchanged = (etag) => (etag ? { "If-Match": etag } : { "If-None-Match": "*" });

/** The server didn't answer. */
export class Away extends Error {}

async function reached(asking) {
  try {
    return await asking;
  } catch (error) {
    throw error instanceof TypeError ? new Away() : error; // fetch says no more than that
  }
}

export class CompareApi extends Api {
  json(path, more, options) {
    return reached(super.json(path, more, options));
  }

  /** What may be compared: {versions, saves, has_model, suggested, master, may, …}. */
  versions(docid) {
    return this.json("/-local/versions", { docid, left: null, right: null });
  }

  /** Where both versions differ. */
  compare(docid) {
    return this.json("/-local/compare", { docid });
  }

  /** The documents that differ, and the next one after a document: {documents, next, settled, left, right}. */
  documents(after) {
    return this.json("/-local/compare/documents", { docid: null, after });
  }

  #send(method, path, more, body, headers) {
    const options = { method, headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) };
    return this.json(path, more, options);
  }

  /** Save what was decided as master, if master and both versions are still what was decided about. */
  save(decisions, tags, confirm, etag) {
    return this.#send("PUT", "/-local/compare", {}, { decisions, tags, confirm }, unchanged(etag));
  }

  /** Make a version another one's, if that is still what it was. */
  copy(from, saveTo, etag) {
    return this.#send("POST", "/-local/versions/copy", { from, saveTo, left: null, right: null }, {}, unchanged(etag));
  }

  /** Merge all confirmed versions; without "saveTo" nothing is saved. Gives the merged annotations. */
  merge(strategy, saveTo = null, etag = "") {
    const more = { strategy, saveTo, left: null, right: null };
    return this.#send("POST", "/-local/versions/merge", more, {}, saveTo ? unchanged(etag) : {});
  }
}
