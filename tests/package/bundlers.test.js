// A page and its worker that use the installed package, through bundlers as they
// come, and without one: each in a browser, where both share one heap.

import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { createServer } from "vite";
import webpack from "webpack";
import { serve } from "../../tools/serve.js";
import { install, makeFolder, pack, root, run } from "./pack.js";

const chromium = "/usr/bin/chromium";
const site = fileURLToPath(new URL("site", import.meta.url));
const tool = (name) => join(root, "node_modules/.bin", name);

const { archive } = pack(makeFolder());
let browser;
before(async () => {
  assert.ok(existsSync(chromium), `${chromium} is not installed`);
  browser = await puppeteer.launch({
    executablePath: chromium,
    headless: true,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
});
after(() => browser?.close());

/** A project with the page's sources and the package, nothing else. */
function makeProject() {
  const project = makeFolder();
  cpSync(site, project, { recursive: true });
  install(project, archive, "localsharedmemory");
  return project;
}

/** Copies the page itself for bundlers that look at JavaScript alone. */
const copyPage = (project) =>
  cpSync(join(project, "index.html"), join(project, "dist/index.html"));

/** Opens a page, and expects that it and its worker did their work. */
async function works(url) {
  const page = await browser.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) wrong.push(message.text());
  });
  try {
    await page.goto(url);
    await page
      .waitForFunction("globalThis.result", { timeout: 30_000 })
      .catch((error) => assert.fail(`${error.message} ${wrong.join("\n")}`));
    assert.deepEqual(await page.evaluate("result"), {
      text: "from the worker",
      number: 42,
      byWorker: true,
      left: 1,
      picture: true,
    });
    assert.deepEqual(wrong, []);
  } finally {
    await page.close();
  }
}

/** Serves a folder with the headers for sharing, and opens its page. */
async function served(folder) {
  const { url, close } = await serve({ folders: { "/": folder } });
  await works(url).finally(close);
}

test("Vite", async () => {
  const project = makeProject();
  run(project, tool("vite"), "build");
  await served(join(project, "dist"));
});

test("Vite's server for development", async () => {
  const server = await createServer({
    root: makeProject(),
    configFile: false,
    logLevel: "error",
    server: {
      host: "127.0.0.1",
      port: 0,
      // Sharing needs them, whoever serves the page.
      headers: {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
      },
    },
  });
  try {
    await server.listen();
    await works(server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
});

test("esbuild", async () => {
  const project = makeProject();
  const flags = ["--bundle", "--minify", "--format=esm", "--outdir=dist"];
  run(project, tool("esbuild"), "page.js", "worker.js", ...flags);
  copyPage(project);
  await served(join(project, "dist"));
});

test("webpack", async () => {
  const project = makeProject();
  const stats = await new Promise((resolve, reject) => {
    const options = {
      context: project,
      mode: "production",
      entry: { page: "./page.js" },
      output: { path: join(project, "dist") },
    };
    webpack(/** @type {any} */ (options), (error, made) =>
      error ? reject(error) : resolve(made),
    );
  });
  const { errors, warnings } = stats.toJson({
    all: false,
    errors: true,
    warnings: true,
  });
  assert.deepEqual(
    [...errors, ...warnings].map(({ message }) => message),
    [],
  );
  copyPage(project);
  await served(join(project, "dist"));
});

test("Rollup", async () => {
  const project = makeProject();
  // Without a plugin it resolves no package at all.
  const resolve = join(
    root,
    "node_modules/@rollup/plugin-node-resolve/dist/es/index.js",
  );
  const flags = ["-d", "dist", "-p", resolve, "--failAfterWarnings"];
  run(project, tool("rollup"), "page.js", "worker.js", ...flags);
  copyPage(project);
  await served(join(project, "dist"));
});

test("no bundler: modules by their paths", async () => {
  const project = makeProject();
  for (const name of ["page.js", "worker.js"]) {
    const path = join(project, name);
    const text = readFileSync(path, "utf8");
    const from = /"localsharedmemory(\/inspect)?"/g;
    assert.match(text, from);
    writeFileSync(
      path,
      text.replace(
        from,
        (_, inspect) =>
          `"./node_modules/localsharedmemory${inspect ?? "/index"}.js"`,
      ),
    );
  }
  await served(project);
});
