// machine.js - what was measured on, and the versions of all that was measured.

import { readFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { emscriptenVersion, nativeVersion, root } from "./measure.js";
import { rows } from "./plan.js";

const packages = {
  thing: "@thi.ng/malloc",
  objects: "@daneren2005/shared-memory-objects",
};

function packageVersion(name) {
  const path = join(root, "node_modules", name, "package.json");
  return JSON.parse(readFileSync(path, "utf8")).version;
}

function describeSystem() {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? os.type();
  } catch {
    return os.type();
  }
}

/** For machine.json; settings are those of the run. */
export function describeMachine(settings) {
  const versions = {};
  let compiler;
  for (const { host, allocators } of rows) {
    for (const allocator of host === "native" ? allocators : []) {
      [versions[allocator], compiler] = nativeVersion(allocator);
    }
  }
  versions.dlmalloc = emscriptenVersion();
  versions.emmalloc = versions.dlmalloc;
  for (const [allocator, name] of Object.entries(packages)) {
    versions[allocator] = packageVersion(name);
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: os.cpus()[0]?.model ?? os.arch(),
    cores: os.cpus().length,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${describeSystem()}, ${os.type()} ${os.release()}`,
    busy: Number(os.loadavg()[0].toFixed(2)),
    compiler,
    node: `${process.versions.node} (V8 ${process.versions.v8})`,
    ...settings,
    versions,
  };
}
