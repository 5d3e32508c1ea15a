// Makes a folder for browsers: the module under test, as it is, and the portable
// part of the suite as one module.

import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const suite = join(root, "tests/js");

/** What a file of the suite imports, and what those import; not the host. */
function importsOf(name, found = new Set()) {
  const source = readFileSync(join(suite, name), "utf8");
  for (const [, from] of source.matchAll(/ from "([^"]+)"/g)) {
    if (found.has(from)) continue;
    found.add(from);
    const own = /^\.\/(?!host\.js$)(.+)$/.exec(from)?.[1];
    if (own) importsOf(own, found);
  }
  return found;
}

const everywhere = /^(node:test|node:assert\/strict|\.\/.*)$/;

/** Files that import nothing which only some hosts have. */
export const portable = readdirSync(suite)
  .filter((name) => name.endsWith(".test.js"))
  .filter((name) => [...importsOf(name)].every((from) => everywhere.test(from)))
  .map((name) => `tests/js/${name}`);

const browser = (name) => join(root, "tests/browser", name);

/** @param {string} folder is made */
export async function bundle(folder) {
  mkdirSync(folder, { recursive: true });
  const built = process.env.LSHM_MODULE ?? join(root, "index.js");
  copyFileSync(built, join(folder, "index.js"));
  for (const name of readdirSync(browser("pages")))
    copyFileSync(browser(`pages/${name}`), join(folder, name));
  const imports = [...portable, "tests/browser/main.js"];
  await build({
    stdin: {
      contents: imports.map((file) => `import "./${file}";`).join("\n"),
      resolveDir: root,
    },
    bundle: true,
    format: "esm",
    outfile: join(folder, "suite.js"),
    external: ["/index.js"],
    ignoreAnnotations: true, // tests are nothing but side effects
    logLevel: "error",
    alias: {
      "node:test": browser("node-test.js"),
      "node:assert/strict": browser("assert.js"),
    },
    define: { global: "globalThis" },
    inject: [browser("node-globals.js")],
    plugins: [
      {
        name: "host",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/host\.js$/ }, () => ({
            path: browser("host.js"),
          })),
      },
    ],
  });
}
