// Runs the bundled tests in a page, in its worker or in its AudioWorklet, and
// leaves the results in `outcome`. The query says where: browser&place&seed.

const place = location.search.split("&")[1];
const suite = `suite.js${location.search}`;

/** The results, or the first error. */
const answer = (from) =>
  new Promise((resolve, reject) => {
    from.onmessage = ({ data }) => {
      if ("progress" in data) globalThis.progress = data.progress;
      else resolve(data);
    };
    from.onerror = (event) => reject(new Error(event.message));
  });

async function inWorklet() {
  const context = new OfflineAudioContext(1, 128, 44100);
  await context.audioWorklet.addModule(suite);
  const node = new AudioWorkletNode(context, "suite");
  node.connect(context.destination);
  const promise = answer(node.port);
  await context.startRendering();
  return promise;
}

const inPage = () => import(`./${suite}`); // sets `outcome` itself

const places = {
  page: inPage,
  alone: inPage,
  worker: () => answer(new Worker(suite, { type: "module" })),
  worklet: inWorklet,
};

try {
  const results = await places[place]();
  if (places[place] !== inPage) globalThis.outcome = results;
} catch (error) {
  globalThis.outcome = { error: String(error?.stack ?? error) };
}
