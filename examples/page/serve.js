// Serves the examples on this machine alone, with the headers that let a page
// share memory, and prints the live page's address.
//
//     node examples/page/serve.js [PORT]         8080, or a free one if that is taken

import { fileURLToPath } from "node:url";
import { serve } from "../../tools/serve.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Serves at a port, or at any free one where it is taken. */
async function serveAt(port) {
  const folders = { "/": root };
  if (process.env.LSHM_BUILD)
    folders["/build/release/"] = process.env.LSHM_BUILD;
  try {
    return await serve({ folders, port });
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    return serve({ folders });
  }
}

const port = Number(process.argv[2] ?? 8080);
if (!(Number.isInteger(port) && port >= 0 && port < 65536)) {
  console.error(`serve: expected PORT, a number, not ${process.argv[2]}`);
  process.exit(2);
}
const { url } = await serveAt(port);
console.log(`${url}examples/page/`);
