// Where the suite runs in a browser: each place with what it lacks, of which the
// tests that need it are left out. A place that lacks more than is said here
// fails tests.

const locks = "a browser tells no worker that it ends";
const never = "a browser proves no end of a thread that never attached";
const realm = "there is no document to make another realm with";
const alone = "sharing needs the page to be cross-origin isolated";
const audio = "an AudioWorklet has neither workers nor structuredClone";

const page = {
  blocking: "a page's main thread may not block",
  leaving: locks,
  "exit event": never,
};

/** By the name that the bundle's query gives. */
export const places = {
  page: { title: "page", lacks: page },
  worker: {
    title: "dedicated worker",
    lacks: { leaving: locks, "exit event": never, realm },
  },
  worklet: {
    title: "AudioWorklet",
    lacks: {
      threads: audio,
      sharing: audio,
      blocking: "an AudioWorklet may not block",
      realm,
    },
  },
  alone: {
    title: "page without isolation",
    isolated: false,
    lacks: { ...page, threads: alone, sharing: alone },
  },
};

const clones = {
  sharing: "WebKit's structuredClone refuses memories, which can be posted",
};

/** What one browser lacks besides; null: what it has although others do not. */
export const peculiar = {
  chromium: {},
  firefox: {
    worker: {
      threads:
        "in Firefox, a worker that starts a worker may hang for ever, with or without this library",
    },
    worklet: {
      blocking: null,
      "stack overflow":
        "Firefox crashes when an AudioWorklet's stack overflows",
    },
  },
  webkit: { page: clones, worker: clones },
};

/** What a place of a browser lacks, by need. */
export const lacksOf = (browser, place) => ({
  ...places[place].lacks,
  ...peculiar[browser][place],
});
