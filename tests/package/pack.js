// What the tests of the npm package share: packing it as it would be published,
// and installing that.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A folder that is removed when the tests are over. */
export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), "lshm-package-"));
  after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Runs a program and returns what it prints; fails with all that it said. */
export function run(cwd, command, ...args) {
  try {
    const options = { cwd, encoding: "utf8", timeout: 120_000, stdio: "pipe" };
    return execFileSync(command, args, /** @type {any} */ (options));
  } catch (error) {
    error.message += `\n${error.stdout}`;
    throw error;
  }
}

/** Packs the package: the path of the archive, and the files in it. */
export function pack(folder) {
  const args = ["--ignore-scripts", "--json", "--pack-destination", folder];
  const told = JSON.parse(run(root, "npm", "pack", ...args));
  // An array, or in newer versions an object by the package's name.
  const [{ filename, files }] = Object.values(told);
  const paths = files.map(({ path }) => path).sort();
  return { archive: join(folder, filename), files: paths };
}

/** Makes a project in a folder that has nothing but the package, by a name. */
export function install(folder, archive, name) {
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ private: true, type: "module" }),
  );
  const flags = ["--ignore-scripts", "--offline", "--no-audit", "--no-fund"];
  run(folder, "npm", "install", ...flags, `${name}@file:${archive}`);
}
