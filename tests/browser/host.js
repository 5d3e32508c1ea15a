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

export function start(body, data) {
  const folder = here.replace(/[^/]*$/, "");
  const worker = new Worker(`${folder}thread.js`, { type: "module" });
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
  worker.postMessage({ body: String(body), data });
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
