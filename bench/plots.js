// plots.js - draws the curves of plan.js as SVG.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile } from "vega-lite";
import { curveRows, curves, titles } from "./plan.js";

/** The medians of a curve's points, as far as they were measured. */
function pointsOf(medians, { name, throughput }) {
  return curveRows
    .filter(({ curve }) => curve === name)
    .flatMap((row) =>
      row.allocators
        .filter((allocator) => medians.has(row.id, allocator))
        .map((allocator) => {
          const time = medians.of(row.id, allocator);
          return {
            allocator: titles[allocator],
            x: row.point,
            y: throughput ? (row.workers / time) * 1000 : time,
          };
        }),
    );
}

function specOf({ title, axis, throughput }, values) {
  const labels = [...new Set(values.map(({ allocator }) => allocator))];
  const y = throughput
    ? "million operations per second, all threads"
    : "ns per operation";
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    title,
    width: 480,
    height: 300,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: {
        ...{ field: "x", type: "quantitative", title: axis },
        scale: { type: "log", base: axis === "threads" ? 2 : 10 },
        axis: {
          values: [...new Set(values.map((value) => value.x))],
          format: axis === "threads" ? "d" : "~s",
        },
      },
      y: {
        ...{ field: "y", type: "quantitative", title: y },
        scale: throughput ? { zero: true } : { type: "log" },
      },
      color: {
        ...{ field: "allocator", type: "nominal", title: null },
        scale: { domain: labels },
      },
    },
  };
}

/** Writes NAME.svg for every curve; returns the curves that were drawn. */
export async function plot(directory, medians) {
  const drawn = [];
  for (const curve of curves) {
    const values = pointsOf(medians, curve);
    if (values.length === 0) continue;
    const { spec } = compile(specOf(curve, values));
    const svg = await new View(parse(spec), { renderer: "none" }).toSVG();
    writeFileSync(join(directory, `${curve.name}.svg`), `${svg}\n`);
    drawn.push(curve);
  }
  return drawn;
}
