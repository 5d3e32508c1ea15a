// The live page and the audio example, end to end in the browsers that are
// installed: with real clicks, keys, downloads and no message in the console.

/* global document, heap -- of the page, in functions that run there */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import LocalSharedMemory from "../index.js";
import { serve } from "../tools/serve.js";
import { browsers, launch, leftOut } from "./browsers.js";

const LIMIT = { timeout: 120_000 };
const SECOND = 1000;
const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const build = process.env.LSHM_BUILD ?? join(root, "build/release");
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** In the page: nothing is left of those that are gone. */
const ALL_OWNED =
  "heap.stats().byThread.every((o) => heap.threads().includes(o.thread))";

/** Asks the page for a value until it is truthy; gives it. */
async function until(page, what, expression, limit = 20 * SECOND) {
  const begin = performance.now();
  for (;;) {
    const value = await page.evaluate(expression);
    if (value) return value;
    if (performance.now() - begin > limit) {
      const log = await page.evaluate(
        "document.querySelector('main').innerText",
      );
      assert.fail(`${what}: not within ${limit} ms\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The log's newest line that matches. */
const logged = (page, pattern, limit) =>
  until(
    page,
    `${pattern} in the log`,
    `[...document.querySelectorAll("#log li")]
      .map((li) => li.textContent).find((text) => ${pattern}.test(text))`,
    limit,
  );

/** Starts what `make page` starts; the process, and the address it prints. */
async function makePage() {
  const script = join(root, "examples/page/serve.js");
  const stdio = ["ignore", "pipe", "inherit"];
  const child = spawn(process.execPath, [script, "0"], { stdio });
  const [line] = await once(child.stdout, "data");
  return [child, String(line).trim()];
}

for (const name of Object.keys(browsers)) {
  const skip =
    process.env.LSHM_MODULE === undefined
      ? leftOut(name)
      : "the page is not in the package";
  describe(`the page in ${name}`, { skip, ...LIMIT }, () => suite(name));
}

function suite(name) {
  const folder = mkdtempSync(join(tmpdir(), "lshm-page-"));
  const errors = [];
  const folders = { "/": root };
  let server, url, alone, browser, page;

  /** A page whose every complaint is noted. */
  async function open(url) {
    const opened = await browser.newPage();
    opened.on("console", (message) => {
      if (["error", "warn"].includes(message.type()))
        errors.push(message.text());
    });
    opened.on("pageerror", (error) => errors.push(String(error)));
    opened.on("requestfailed", (request) => errors.push(request.url()));
    await opened.goto(url);
    return opened;
  }

  before(async () => {
    [server, url] = await makePage();
    alone = await serve({ folders, isolated: false });
    const downloads =
      name === "chrome"
        ? { downloadBehavior: { policy: "allow", downloadPath: folder } }
        : {
            extraPrefsFirefox: {
              "browser.download.dir": folder,
              "browser.download.folderList": 2,
            },
          };
    browser = await launch(name, downloads);
    page = await open(url);
  });
  after(async () => {
    await browser?.close();
    server?.kill();
    await alone?.close();
    rmSync(folder, { recursive: true, maxRetries: 5 });
  });

  test("workers work and the map moves", LIMIT, async () => {
    await until(page, "two workers", "heap.threads().length >= 3");
    const blocks = await until(page, "blocks of both", () => {
      const owners = heap
        .stats()
        .byThread.filter((o) => o.thread !== heap.thread);
      return owners.filter((o) => o.blocks > 50).length >= 2;
    });
    assert.ok(blocks);
    await until(
      page,
      "a rate",
      `/^\\d.*[KM]$/.test(document.querySelector("#rate").textContent)`,
    );
    const draw = "document.querySelector('#map svg')?.outerHTML";
    const first = await until(page, "a map", draw);
    await until(page, "another map", `${draw} !== ${JSON.stringify(first)}`);
    assert.match(first, /thread 2/);
  });

  test("a worker terminated by keyboard gives all back", LIMIT, async () => {
    for (let presses = 0; ; presses++) {
      assert.ok(presses < 40, "Tab reaches no Terminate button");
      await page.keyboard.press("Tab");
      const label = await page.evaluate(
        "document.activeElement.getAttribute('aria-label')",
      );
      if (/^Terminate Worker/.test(label)) break;
    }
    const thread = await page.evaluate(() =>
      Number(
        /\d+$/.exec(
          document.activeElement.closest("tr").querySelector("small")
            .textContent,
        )[0],
      ),
    );
    assert.ok((await page.evaluate("heap.threads()")).includes(thread));
    await page.keyboard.press("Enter");
    await until(
      page,
      `the blocks of thread ${thread} to be free`,
      `!heap.threads().includes(${thread}) && ${ALL_OWNED}`,
      3 * SECOND,
    );
    const line = await logged(page, /was terminated in mid-work/, SECOND);
    const [, late, blocks] = /after ([\d,]+) ms: ([\d,]+) blocks?, /.exec(line);
    assert.ok(Number(late.replace(",", "")) < 3000, line);
    assert.ok(Number(blocks.replace(",", "")) > 0, line);
    // The focus is where the next step is, not lost.
    const focus = await page.evaluate("document.activeElement.textContent");
    assert.match(focus, /Terminate|Add a worker/);
  });

  test(
    "many workers come and go, and the heap stays whole",
    LIMIT,
    async () => {
      for (let i = 0; i < 3; i++) {
        await page.click("#add");
        await logged(page, new RegExp(`Worker ${i + 3} began`));
      }
      await until(page, "four to work", () => {
        const owners = heap.stats().byThread.filter((o) => o.blocks > 20);
        return owners.length >= 4;
      });
      for (let left = 4; left > 1; left--) {
        await until(page, "one less", `heap.threads().length === ${left + 1}`);
        await page.click("#threads button");
      }
      await until(
        page,
        "all that they had",
        `heap.threads().length === 2 && ${ALL_OWNED}`,
      );
      await page.click("#check");
      assert.match(await logged(page, /^Healthy/), /live block/);
    },
  );

  test("a C module works on the same heap", LIMIT, async () => {
    await page.click("#queens");
    await until(page, "its blocks", "heap.stats().blocks > 7100");
    await logged(page, /^Two threads of the C module searched/);
    await logged(page, /^This page freed the 7,100 solutions/);
    assert.ok((await page.evaluate("heap.stats().blocks")) < 7100);
    await page.click("#queens"); // again
    await until(page, "its blocks again", "heap.stats().blocks > 7100");
    await until(
      page,
      "it to end",
      "!document.querySelector('#queens').hasAttribute('aria-disabled')",
    );
  });

  test("paused, nothing changes", LIMIT, async () => {
    if ((await page.evaluate("heap.threads().length")) === 1)
      await page.click("#add");
    await until(page, "work", "heap.stats().blocks > 100");
    await page.click("#pause");
    const list = () =>
      page.evaluate(() =>
        JSON.stringify([...heap.allocs()].map((a) => a.byteOffset)),
      );
    await until(page, "rest", async () => {
      const before = JSON.stringify(heap.stats());
      await new Promise((resolve) => setTimeout(resolve, 200));
      return JSON.stringify(heap.stats()) === before;
    });
    const paused = await list();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await list(), paused);
    assert.equal(
      await page.$eval("#pause", (b) => b.getAttribute("aria-pressed")),
      "true",
    );
    await page.click("#pause");
    await until(page, "work again", async () => {
      const before = JSON.stringify(heap.stats());
      await new Promise((resolve) => setTimeout(resolve, 50));
      return JSON.stringify(heap.stats()) !== before;
    });
  });

  test("the saved image opens in JavaScript and in C", LIMIT, async () => {
    await page.click("#save");
    await logged(page, /^Saved heap.lshm/);
    const file = join(folder, "heap.lshm");
    const size = await page.evaluate("heap.stats().committed");
    const begin = performance.now();
    while (!existsSync(file) || statSync(file).size < size) {
      assert.ok(performance.now() - begin < 10 * SECOND, "no download");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const memory = LocalSharedMemory.open(readFileSync(file));
    const { blocks } = memory.check();
    assert.ok(blocks > 50);
    assert.equal(memory.allocs().length, blocks);
    await run(join(build, "cli/lshm"), ["check", file], LIMIT);
  });

  test("it is usable: names, contrast, phones", LIMIT, async () => {
    await page.addScriptTag({ path: axe });
    for (const scheme of name === "chrome" ? ["light", "dark"] : ["light"]) {
      if (name === "chrome") {
        const features = [{ name: "prefers-color-scheme", value: scheme }];
        await page.emulateMediaFeatures(features);
      }
      const found = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, {
          resultTypes: ["violations"],
        });
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
      });
      assert.deepEqual(found, [], scheme);
    }
    for (const width of [320, 390, 768]) {
      await page.setViewport({ width, height: 800 });
      await until(
        page,
        `no sideways scrolling at ${width} pixels`,
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
      );
    }
  });

  test("without the headers it says what is missing", LIMIT, async () => {
    const single = await open(`${alone.url}examples/page/`);
    const notice = await until(
      single,
      "a notice",
      "!document.querySelector('#notice').hidden && document.querySelector('#notice').textContent",
    );
    assert.match(notice, /Cross-Origin-Opener-Policy: same-origin/);
    assert.match(notice, /Cross-Origin-Embedder-Policy: require-corp/);
    assert.ok(await single.$eval("#add", (button) => button.disabled));
    await single.close();
  });

  // A machine without a sound card plays nothing: rendered ahead of time instead.
  test("a worklet plays what a worker composes", LIMIT, async () => {
    const audio = await open(new URL("../audio/", url).href);
    await audio.evaluate(() => {
      globalThis.AudioContext = class extends globalThis.OfflineAudioContext {
        constructor() {
          super(1, 48_000 * 60, 48_000);
          setTimeout(async () => {
            const samples = (await this.startRendering()).getChannelData(0);
            globalThis.loudest = samples.reduce((a, b) => Math.max(a, b));
          }, 1000);
        }
      };
    });
    await audio.click("button");
    await until(audio, "sound", "globalThis.loudest > 0.1");
    await until(
      audio,
      "notes",
      "parseInt(document.querySelector('output').value) >= 16",
    );
    await audio.close();
  });

  test("nothing complained", () => assert.deepEqual(errors, []));
}
