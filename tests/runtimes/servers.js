// The servers of one run: each kind of page has an origin of its own.

import { serve } from "../../tools/serve.js";

const scripts = "script-src 'self' blob:";

const kinds = {
  isolated: {},
  alone: { isolated: false },
  strict: { policy: scripts },
  wasm: { policy: `${scripts} 'wasm-unsafe-eval'` },
};

/** @param {string} folder */
export async function servers(folder) {
  const urls = {};
  const all = [];
  for (const [kind, options] of Object.entries(kinds)) {
    const server = await serve({ folders: { "/": folder }, ...options });
    urls[kind] = server.url;
    all.push(server);
  }
  return {
    urls,
    close: () => Promise.all(all.map((server) => server.close())),
  };
}
