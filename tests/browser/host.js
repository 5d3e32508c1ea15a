// What the tests take from the host that they run on: a browser's page, worker
// or AudioWorklet. tests/js/host.js offers the same elsewhere, and says what
// the functions do. The bundle's query says which browser and place. Nothing
// here may need more than an AudioWorklet has.

import { LocalSharedMemory } from "/index.js";
import { lacksOf } from "../runtimes/places.js";

export { LocalSharedMemory };

const [here, query] = import.meta.url.split("?");

export const moduleUrl = here.replace(/[^/]*$/, "index.js");

const [browser, place] = query.split("&");

export const lacks = lacksOf(browser, place);

export function realm(script) {
  const frame = document.createElement("iframe");
  document.body.append(frame);
  return frame.contentWindow.eval(script);
}

/** Becomes a worker's script. There a worker has to leave, and to end, itself. */
async function work({ url, body, data }) {
  const { LocalSharedMemory } = await import(url);
  const attached = [];
  const from = (...all) => {
    const memory = LocalSharedMemory.from(...all);
    attached.push(memory);
    return memory;
  };
  let stays = false;
  const port = {
    postMessage: (value) => self.postMessage({ value }),
    stay: () => {
      stays = true;
    },
    provable: async ({ thread }) => {
      for (let tries = 0; tries < 1000; tries++) {
        const { held } = await navigator.locks.query();
        if (held.some(({ name }) => name.endsWith(`:${thread}`))) return;
      }
      throw new Error(`no lock of thread ${thread}`);
    },
  };
  const Class = Object.create(LocalSharedMemory, { from: { value: from } });
  try {
    await (0, eval)(`(${body})`)(Class, data, port);
    if (stays) return;
    for (const memory of attached) memory.detach();
    self.postMessage({ ended: 0 });
  } catch (error) {
    self.postMessage({ error: error.stack ?? String(error) });
  }
  self.close();
}

export function start(body, data) {
  const script = `onmessage = ({ data }) => (${work})(data);`;
  const url = URL.createObjectURL(
    new Blob([script], { type: "text/javascript" }),
  );
  const worker = new Worker(url, { type: "module" });
  worker.ended = new Promise((resolve, reject) => {
    worker.addEventListener("error", (event) =>
      reject(new Error(event.message ?? "the worker did not start")),
    );
    worker.addEventListener("message", ({ data }) => {
      if ("error" in data) reject(new Error(data.error));
      if ("ended" in data) resolve(data.ended);
    });
  });
  worker.ended.catch(() => {}); // reported by whoever awaits it
  worker.postMessage({ url: moduleUrl, body: String(body), data });
  return worker;
}

export function onMessage(worker, listener) {
  const first = ({ data }) => {
    if (!("value" in data)) return;
    worker.removeEventListener("message", first);
    listener(data.value);
  };
  worker.addEventListener("message", first);
}
