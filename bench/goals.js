// goals.js - whether the goals of goals.json are met. A goal names rows and says
// by `measure` what is made of them:
//
//   best        this heap's value over the best of `against`, for each row
//   each        this heap's value over that of each one of `against`
//   excess      this heap's value less that of each one of `against`
//   kinds       as each, for every kind of heap in the row (up to `against`)
//   kinds-excess  the same as excess
//   value       this heap's value alone
//   throughput  operations per second of the first row over those of the
//               second one, both this heap's
//
// and by `most`, `least` and `mean` (geometric, at most) how far it may go.

import { readFileSync } from "node:fs";
import { digits, geometricMean } from "./numbers.js";
import { rows } from "./plan.js";

const goals = JSON.parse(
  readFileSync(new URL("goals.json", import.meta.url), "utf8"),
);

function rowOf(id) {
  const found = rows.find((row) => row.id === id);
  if (found === undefined) throw new Error(`goals.json: no row is ${id}`);
  return found;
}

function kindsOf(id, against) {
  return rowOf(id).allocators.filter((name) => !against.includes(name));
}

/** Operations of all workers in a nanosecond. */
function throughput(medians, id) {
  return rowOf(id).workers / medians.of(id, rowOf(id).allocators[0]);
}

const measures = {
  best: (medians, { rows: ids, against }) =>
    ids.map((id) => {
      const others = against.map((name) => medians.of(id, name));
      return medians.of(id, rowOf(id).allocators[0]) / Math.min(...others);
    }),
  each: (medians, { rows: ids, against }) =>
    ids.flatMap((id) =>
      against.map(
        (name) =>
          medians.of(id, rowOf(id).allocators[0]) / medians.of(id, name),
      ),
    ),
  excess: (medians, { rows: ids, against }) =>
    ids.flatMap((id) =>
      against.map(
        (name) =>
          medians.of(id, rowOf(id).allocators[0]) - medians.of(id, name),
      ),
    ),
  kinds: (medians, { rows: ids, against }) =>
    ids.flatMap((id) =>
      kindsOf(id, against).map(
        (name) => medians.of(id, name) / medians.of(id, against[0]),
      ),
    ),
  "kinds-excess": (medians, { rows: ids, against }) =>
    ids.flatMap((id) =>
      kindsOf(id, against).map(
        (name) => medians.of(id, name) - medians.of(id, against[0]),
      ),
    ),
  value: (medians, { rows: ids }) =>
    ids.map((id) => medians.of(id, rowOf(id).allocators[0])),
  throughput: (medians, { rows: [first, second] }) => [
    throughput(medians, first) / throughput(medians, second),
  ],
};

function isMeasured(medians, { rows: ids, against = [] }) {
  return ids.every((id) =>
    [rowOf(id).allocators[0], ...against].every((name) =>
      medians.has(id, name),
    ),
  );
}

function judgeOne(medians, goal) {
  if (!isMeasured(medians, goal)) {
    return { title: goal.title, measured: "not measured", met: false };
  }
  const values = measures[goal.measure](medians, goal);
  const { title, most = Infinity, least = -Infinity, mean = Infinity } = goal;
  const average = goal.mean === undefined ? 0 : geometricMean(values);
  const each = values.map(digits).join(", ");
  return {
    title,
    measured:
      goal.mean === undefined ? each : `mean ${digits(average)}: ${each}`,
    met:
      average <= mean &&
      values.every((value) => value <= most && value >= least),
  };
}

/** @returns {{ title: string, measured: string, met: boolean }[]} */
export function judge(medians) {
  return goals.map((goal) => judgeOne(medians, goal));
}
