// Offsets: JavaScript counts UTF-16 code units, as tagtog does; projects uploaded from Python may count code points.
// This is the only module that knows of the difference.

const isHigh = (unit) => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit) => unit >= 0xdc00 && unit <= 0xdfff;

/** Converts offsets of one text between a project's unit and JavaScript's. */
export class Offsets {
  /**
   * @param {string} text The text of a part.
   * @param {"utf-16"|"code-point"} unit How the project counts.
   */
  constructor(text, unit) {
    this.text = text;
    // Where the characters begin that take two code units; only they make a difference.
    this.pairs = [];
    if (unit === "code-point") {
      for (let at = 0; at < text.length - 1; at += 1) {
        if (isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1))) this.pairs.push(at);
      }
    }
  }

  /** The project's offset of a place in the text. */
  toProject(index) {
    return index - countBelow(this.pairs, index);
  }

  /** The place in the text of a project's offset; null in the middle of a character. */
  toText(offset) {
    if (this.pairs.length) {
      // The k-th pair begins at code point pairs[k] - k.
      let low = 0;
      let high = this.pairs.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.pairs[middle] - middle < offset) low = middle + 1;
        else high = middle;
      }
      return offset + low;
    }
    return splitsCharacter(this.text, offset) ? null : offset;
  }
}

/** Whether a place in a text is between the two code units of one character. */
export function splitsCharacter(text, index) {
  return index > 0 && index < text.length && isHigh(text.charCodeAt(index - 1)) && isLow(text.charCodeAt(index));
}

/** How many of a sorted list of numbers are below a limit. */
export function countBelow(sorted, limit) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
