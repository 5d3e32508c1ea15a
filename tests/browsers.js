// The browsers that puppeteer drives in the tests: those that Debian's packages
// bring. tests/runtimes/browsers.js has them and WebKit behind the same functions.

import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { long } from "./js/random.js";

/** Their programs. */
export const browsers = {
  chrome: "/usr/bin/chromium",
  firefox: "/usr/bin/firefox-esr",
};

const installed = Object.keys(browsers).filter((name) =>
  existsSync(browsers[name]),
);

/**
 * Why a browser is left out, or false: it is not there; or this is the short run,
 * in which the first one that is there stands for all.
 * @param {string} name
 */
export function leftOut(name) {
  if (!installed.includes(name)) return `${browsers[name]} is not installed`;
  if (long || name === installed[0]) return false;
  return `${installed[0]} runs it; all do with LSHM_LONG=1`;
}

/** Starts one. Root has no sandbox; containers often have a small /dev/shm. */
export function launch(name, options = {}) {
  const args = ["--disable-dev-shm-usage", "--disable-gpu"];
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  return puppeteer.launch({
    browser: name,
    executablePath: browsers[name],
    headless: true,
    args: name === "chrome" ? args : [],
    timeout: 120_000, // milliseconds to start, on a busy machine
    ...options,
  });
}
