// The server of pages: what it serves, with which headers, and what it refuses.

import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { serve } from "../tools/serve.js";

const folder = mkdtempSync(join(tmpdir(), "lshm-serve-"));
const servers = [];
after(async () => {
  for (const { close } of servers) await close();
  rmSync(folder, { recursive: true });
});

before(() => {
  mkdirSync(join(folder, "pages/below"), { recursive: true });
  writeFileSync(join(folder, "secret"), "secret");
  writeFileSync(join(folder, "pages/index.html"), "<p>hello");
  writeFileSync(join(folder, "pages/below/a b.js"), "export {};");
  symlinkSync("../secret", join(folder, "pages/link"));
});

/** Starts a server that the end stops. */
async function up(options) {
  const server = await serve({
    folders: {
      "/": join(folder, "pages"),
      "/more/": join(folder, "pages/below"),
    },
    ...options,
  });
  servers.push(server);
  return server;
}

/** Asks with the path exactly as given: fetch would tidy it. */
function ask(url, path, method = "GET") {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path, method, agent: false }, (response) => {
      let text = "";
      response.on("data", (data) => (text += data));
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text,
        }),
      );
    })
      .on("error", reject)
      .end();
  });
}

test("serves files with their types", async () => {
  const { url } = await up({});
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const page = await ask(url, "/");
  assert.deepEqual([page.status, page.text], [200, "<p>hello"]);
  assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
  const script = await ask(url, "/below/a%20b.js?query");
  assert.equal(script.text, "export {};");
  assert.equal(
    script.headers["content-type"],
    "text/javascript; charset=utf-8",
  );
  assert.equal((await ask(url, "/more/a%20b.js")).text, script.text);
  const head = await ask(url, "/", "HEAD");
  assert.deepEqual([head.text, head.headers["content-length"]], ["", "8"]);
});

test("refuses what lies outside, is no file, or is not asked for", async () => {
  const { url } = await up({});
  for (const path of [
    "/../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/below/../../secret",
    "/more/../../secret",
    "/link",
    "/below",
    "/below/",
    "/missing",
    "/a%00b",
  ])
    assert.equal((await ask(url, path)).status, 404, path);
  assert.equal((await ask(url, "/%zz")).status, 400);
  assert.equal((await ask(url, "/", "POST")).status, 405);
});

test("the headers that let a page share memory, or none, and a policy", async () => {
  const isolated = await ask((await up({})).url, "/");
  assert.equal(isolated.headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(
    isolated.headers["cross-origin-embedder-policy"],
    "require-corp",
  );
  assert.equal(isolated.headers["content-security-policy"], undefined);
  const policy = "script-src 'self'";
  const alone = await ask((await up({ isolated: false, policy })).url, "/");
  assert.equal(alone.headers["cross-origin-opener-policy"], undefined);
  assert.equal(alone.headers["cross-origin-embedder-policy"], undefined);
  assert.equal(alone.headers["content-security-policy"], policy);
});

test("close ends it", async () => {
  const { url, close } = await serve({ folders: { "/": folder } });
  await ask(url, "/");
  await close();
  await assert.rejects(ask(url, "/"), { code: "ECONNREFUSED" });
});
