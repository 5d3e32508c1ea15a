// A worker of the tests: runs the function that it is sent. In browsers a worker
// has to leave, and to end, itself.

import { LocalSharedMemory } from "./index.js";

async function work({ body, data }) {
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
    self.postMessage({ error: `${error}\n${error.stack}` });
  }
  self.close();
}

onmessage = ({ data }) => work(data);
