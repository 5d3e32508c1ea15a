// Whether all counts agree: the plain one, the heaps', and the C process's.

import { execFileSync } from "node:child_process";

/** Most frequent first, then by the bytes: as words.c sorts. */
export const sorted = (counts) =>
  [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));

/** Fails unless two sorted lists of words and counts are the same. */
export function compare(name, list, expected) {
  const wrong = expected.findIndex(
    ([word, count], i) => list[i]?.[0] !== word || list[i][1] !== count,
  );
  if (wrong < 0 && list.length === expected.length) return;
  const line = wrong < 0 ? expected.length : wrong;
  throw new Error(
    `${name} differs from the plain count in line ${line + 1}: ` +
      `expected ${expected[line]}, not ${list[line]}`,
  );
}

/** What the C program `words` finds in a heap's image. */
export function askC(program, image) {
  const output = execFileSync(program, [image, "0"], {
    encoding: "latin1",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = output.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [count, word] = line.split("\t");
    return [word, Number(count)];
  });
}
