// Makes a folder for browsers: the module under test, as it is, and the portable
// part of the suite as one module.

import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Files that import nothing which only some hosts have. */
export const portable = readdirSync(join(root, "tests/js"))
  .filter((name) => name.endsWith(".test.js"))
  .map((name) => `tests/js/${name}`)
  .filter((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const imports = [...source.matchAll(/ from "([^"]+)"/g)].map((m) => m[1]);
    return imports.every((name) =>
      [
        "node:test",
        "node:assert/strict",
        "./support.js",
        "./storm.js",
      ].includes(name),
    );
  });

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
