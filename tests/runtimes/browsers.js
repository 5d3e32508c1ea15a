// The browsers that Debian packages bring, each behind the same few functions:
//
//   const browser = await browsers.chromium();   null where it is not installed
//   browser.version
//   const tab = await browser.open(url);
//   await tab.read("document.title");             an expression's JSON value
//   await tab.go(url); await tab.close(); await browser.close();

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browsers as puppeteered, launch } from "../browsers.js";

/** The first of some programs that is installed, or null. */
export const program = (...paths) => paths.find(existsSync) ?? null;

const isRoot = process.getuid?.() === 0;

// In milliseconds, for busy machines too.
const PATIENCE = 600_000; // of one command to a browser
const LOAD_LIMIT = 180_000; // of one page

/** One that puppeteer drives. */
async function drive(name) {
  if (!existsSync(puppeteered[name])) return null;
  const browser = await launch(name, { protocolTimeout: PATIENCE });
  const version = (await browser.version()).replace(/^\D+/, "");
  return {
    version,
    open: async (url) => {
      const page = await browser.newPage();
      const go = (to) => page.goto(to, { timeout: LOAD_LIMIT });
      await go(url);
      return {
        go,
        read: (expression) => page.evaluate(expression),
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A screen that nobody sees, and how to end it. */
async function startScreen() {
  const screen = spawn(
    "Xvfb",
    ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
    { stdio: ["ignore", "ignore", "ignore", "pipe"] },
  );
  const [number] = await once(screen.stdio[3], "data");
  return { screen, display: `:${String(number).trim()}` };
}

/** Ends a process that was started here. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}

/** What WebDriver answers. */
async function ask(base, method, path, body) {
  const response = await fetch(base + path, {
    method,
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });
  const { value } = await response.json();
  if (!response.ok)
    throw new Error(`${path}: ${value.error}: ${value.message}`);
  return value;
}

/** A session of a driver that is starting. */
async function startSession(base, capabilities) {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(base, "POST", "/session", { capabilities });
    } catch (error) {
      if (error.cause?.code !== "ECONNREFUSED" || tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const miniBrowser = () =>
  program(
    ...["x86_64", "aarch64"].map(
      (machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`,
    ),
  );

async function webkit() {
  const driver = program("/usr/bin/WebKitWebDriver");
  const binary = miniBrowser();
  if (!driver || !binary || !program("/usr/bin/Xvfb")) return null;
  const { screen, display } = await startScreen();
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), "lshm-webkit-"));
  const child = spawn(driver, [`--port=${port}`, "--host=127.0.0.1"], {
    stdio: "ignore",
    env: {
      ...process.env,
      DISPLAY: display,
      HOME: home,
      XDG_RUNTIME_DIR: home,
      JSC_useSharedArrayBuffer: "1",
      ...(isRoot ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" } : {}),
    },
  });
  const base = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await end(child);
    await end(screen);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const { sessionId, capabilities } = await startSession(base, {
      alwaysMatch: {
        "webkitgtk:browserOptions": { binary, args: ["--automation"] },
        timeouts: { script: PATIENCE, pageLoad: LOAD_LIMIT },
      },
    });
    const session = `/session/${sessionId}`;
    return {
      version: capabilities.browserVersion,
      open: (url) => openWindow(base, session, url),
      close: async () => {
        await ask(base, "DELETE", session).catch(() => {});
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The session's only window: a new one lies behind it, its timers throttled. */
async function openWindow(base, session, url) {
  const go = (to) => ask(base, "POST", `${session}/url`, { url: to });
  await go(url);
  return {
    go,
    read: (expression) => {
      const script = `Promise.resolve(${expression}).then(arguments[0]);`;
      const body = { script, args: [] };
      return ask(base, "POST", `${session}/execute/async`, body);
    },
    close: () => go("about:blank"),
  };
}

export const browsers = {
  chromium: () => drive("chrome"),
  firefox: () => drive("firefox"),
  webkit,
};
