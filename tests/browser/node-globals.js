// What the suite, and the library that is node:assert here, use of Node's globals.

export { Buffer } from "buffer/";

const [, , seed] = import.meta.url.split("?")[1].split("&");

export const process = {
  env: { LSHM_SEED: seed, LSHM_BRIEF: "1" },
  platform: "browser",
  version: "",
};
