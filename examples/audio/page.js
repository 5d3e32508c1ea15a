// Makes the heap with a ring of notes, and starts who uses them.

import LocalSharedMemory from "../../index.js";
import { PLAYED, RING_BYTES } from "./ring.js";

const button = document.querySelector("button");
const output = document.querySelector("output");

button.onclick = async () => {
  button.disabled = true;
  const memory = new LocalSharedMemory(16);
  const ring = memory.calloc(1, RING_BYTES);
  const context = new AudioContext();
  await context.audioWorklet.addModule("worklet.js");
  new AudioWorkletNode(context, "notes", {
    processorOptions: { handle: memory.handle(), ring },
  }).connect(context.destination);
  const worker = new Worker("worker.js", { type: "module" });
  worker.postMessage({ handle: memory.handle(), ring });
  const played = memory.index(Uint32Array, ring) + PLAYED;
  setInterval(() => {
    output.value = `${memory.load(Uint32Array, played)} notes played`;
  }, 200);
};
