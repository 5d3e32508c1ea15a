// A parallel image filter: the picture, the result and the row counter are three
// blocks of one heap. Threads take rows by an atomic add; nothing is copied or
// posted but the heap itself.
//
//     node examples/filter/run.js [IN.ppm OUT.ppm]

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker, isMainThread, workerData } from "node:worker_threads";
import LocalSharedMemory from "localsharedmemory";

const RADIUS = 8;

/** A binary PPM (P6) as its size and its RGB bytes. */
function readPicture(bytes) {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString("latin1"));
  if (header === null) throw new Error("expected a binary PPM (P6), 8 bits");
  const [width, height] = header.slice(1).map(Number);
  const from = header[0].length;
  const rgb = bytes.subarray(from, from + width * height * 3);
  if (rgb.length < width * height * 3) throw new Error("the PPM is too short");
  return { width, height, rgb };
}

/** A picture to work on where none is given: rings of colour. */
function drawPicture(width, height) {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const x = (i % width) - width / 2;
    const y = Math.floor(i / width) - height / 2;
    const ring = Math.floor(Math.hypot(x, y) / 16) % 2;
    rgb.set(ring ? [x & 255, y & 255, 128] : [255, 255, 255], i * 3);
  }
  return { width, height, rgb };
}

/** Blurs one row: each point becomes the mean of the square around it. */
function blurRow(source, target, { width, height }, y) {
  const top = Math.max(y - RADIUS, 0);
  const bottom = Math.min(y + RADIUS, height - 1);
  for (let x = 0; x < width; x++) {
    const left = Math.max(x - RADIUS, 0);
    const right = Math.min(x + RADIUS, width - 1);
    const points = (right - left + 1) * (bottom - top + 1);
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let j = top; j <= bottom; j++) {
        for (let i = left; i <= right; i++)
          sum += source[(j * width + i) * 3 + c];
      }
      target[(y * width + x) * 3 + c] = sum / points;
    }
  }
}

/** Takes rows until there are none left. */
function work(memory, { size, source, target, next }) {
  const from = memory.arrayView(Uint8Array, source);
  const to = memory.arrayView(Uint8Array, target);
  const counter = memory.index(Int32Array, next);
  for (let y; (y = memory.add(Int32Array, counter, 1)) < size.height;) {
    blurRow(from, to, size, y);
  }
}

async function main([input, output]) {
  const { rgb, ...size } = input
    ? readPicture(readFileSync(input))
    : drawPicture(640, 360);
  const pages = Math.ceil((rgb.length * 2) / 65536) + 16;
  const memory = new LocalSharedMemory(pages, pages);
  const job = {
    size,
    source: memory.Uint8Array(rgb).byteOffset,
    target: memory.Uint8Array(rgb.length).byteOffset,
    next: memory.calloc(1, 4),
  };
  const threads = Math.min(availableParallelism(), 8);
  const begin = performance.now();
  const ended = Array.from({ length: threads - 1 }, () => {
    const data = { handle: memory.handle(), job };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    return new Promise((resolve) => worker.once("exit", resolve));
  });
  work(memory, job); // this thread takes rows as well
  if ((await Promise.all(ended)).some(Boolean))
    throw new Error("a thread failed");
  const time = Math.round(performance.now() - begin);
  console.log(`${size.width} x ${size.height}, ${threads} threads: ${time} ms`);
  const result = memory.arrayView(Uint8Array, job.target);
  const header = `P6 ${size.width} ${size.height} 255\n`;
  if (output)
    writeFileSync(output, Buffer.concat([Buffer.from(header), result]));
}

if (isMainThread) await main(process.argv.slice(2));
else work(LocalSharedMemory.from(workerData.handle), workerData.job);
