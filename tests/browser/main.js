// The bundle's last module: runs the tests that the others registered, and tells
// the page the results, wherever it is.

import { run } from "node:test";

/** Posts the name of each test that begins, and the results. */
async function tell(post) {
  try {
    post({ results: await run((progress) => post({ progress })) });
  } catch (error) {
    post({ error: String(error?.stack ?? error) });
  }
}

if (globalThis.registerProcessor !== undefined) {
  class Suite extends AudioWorkletProcessor {
    constructor() {
      super();
      tell((message) => this.port.postMessage(message));
    }

    process() {
      return true;
    }
  }
  registerProcessor("suite", Suite);
} else if (globalThis.document === undefined) {
  tell((message) => self.postMessage(message));
} else {
  tell((message) => {
    if ("progress" in message) globalThis.progress = message.progress;
    else globalThis.outcome = message;
  });
}
