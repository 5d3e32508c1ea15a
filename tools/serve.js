// serve.js - serves folders on the loopback interface with the two headers that
// let a page share memory, for the live page and the tests in browsers.
//
//   node tools/serve.js [--port=N] [--alone] [--policy=CSP] [FOLDER]
//
// --alone leaves the two headers away; --policy sends a Content-Security-Policy.
//
//   import { serve } from "./serve.js";
//   const { url, close } = await serve({ folders: { "/": "." } });

import { once } from "node:events";
import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

// Together they make a page cross-origin isolated. Workers' scripts need the
// second one too, so everything gets both.
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * The file that a path of a URL stands for, or null: outside the folder (by
 * "..", or by a link), missing, or no file.
 * @param {Record<string, string>} folders
 * @param {string} path
 */
async function findFile(folders, path) {
  const mounts = Object.keys(folders).sort((a, b) => b.length - a.length);
  const mount = mounts.find((prefix) => path.startsWith(prefix));
  if (mount === undefined || path.includes("\0")) return null;
  try {
    const folder = await realpath(folders[mount]);
    const wanted = join(folder, path.slice(mount.length));
    const file = await realpath(
      path.endsWith("/") ? join(wanted, "index.html") : wanted,
    );
    if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
      return null;
    }
    const found = await stat(file);
    return found.isFile() ? { file, size: found.size } : null;
  } catch {
    return null;
  }
}

/**
 * Serves files until `close()`, to this machine alone.
 * @param {object} options
 * @param {Record<string, string>} options.folders by the start of their URLs,
 *   which ends in "/"
 * @param {number} [options.port] any free one by default
 * @param {boolean} [options.isolated] whether pages may share memory; true
 * @param {string} [options.policy] a Content-Security-Policy
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serve({ folders, port = 0, isolated = true, policy }) {
  const headers = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(isolated ? ISOLATION : {}),
    ...(policy ? { "Content-Security-Policy": policy } : {}),
  };
  const server = createServer(async (request, response) => {
    const refuse = (status) => {
      response.writeHead(status, { ...headers, "Content-Type": "text/plain" });
      response.end(`${status}\n`);
    };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(405);
    }
    let path;
    try {
      path = decodeURIComponent(new URL(request.url, "http://_").pathname);
    } catch {
      return refuse(400);
    }
    const found = await findFile(folders, path);
    if (found === null) return refuse(404);
    response.writeHead(200, {
      ...headers,
      "Content-Type": TYPES[extname(found.file)] ?? "application/octet-stream",
      "Content-Length": found.size,
    });
    if (request.method === "HEAD") return response.end();
    const stream = createReadStream(found.file);
    stream.on("error", () => response.destroy());
    stream.pipe(response);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (
    server.address()
  );
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

if (
  process.argv[1] &&
  pathToFileURL(await realpath(process.argv[1])).href === import.meta.url
) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: "string", default: "8080" },
      alone: { type: "boolean", default: false },
      policy: { type: "string" },
    },
  });
  const { url } = await serve({
    folders: { "/": resolve(positionals[0] ?? ".") },
    port: Number(values.port),
    isolated: !values.alone,
    policy: values.policy,
  });
  console.log(url);
}
