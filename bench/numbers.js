// numbers.js - medians of the runs, and how numbers and tables are written.

function medianOf(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Results by row and allocator. */
export class Medians {
  #sorted = new Map();

  /** @param {{ row: string, allocator: string, value: number }[]} results */
  constructor(results) {
    for (const { row, allocator, value } of results) {
      const key = `${row} ${allocator}`;
      if (!this.#sorted.has(key)) this.#sorted.set(key, []);
      this.#sorted.get(key).push(value);
    }
    for (const values of this.#sorted.values()) values.sort((a, b) => a - b);
  }

  has(row, allocator) {
    return this.#sorted.has(`${row} ${allocator}`);
  }

  #values(row, allocator) {
    const values = this.#sorted.get(`${row} ${allocator}`);
    if (values === undefined) throw new Error(`no result: ${row} ${allocator}`);
    return values;
  }

  of(row, allocator) {
    return medianOf(this.#values(row, allocator));
  }

  range(row, allocator) {
    const values = this.#values(row, allocator);
    return [values[0], values.at(-1)];
  }
}

export function geometricMean(values) {
  return Math.exp(
    values.reduce((sum, value) => sum + Math.log(value), 0) / values.length,
  );
}

/** Three digits: a run repeats no more. */
export function digits(value) {
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

/** In Markdown. */
export function table(head, lines) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...lines.map(line)].join(
    "\n",
  );
}
