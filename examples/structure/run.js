// A C module and JavaScript on one structure: a tree of places.
//
//     node examples/structure/run.js [X Y]

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import LocalSharedMemory from "localsharedmemory";

const CITIES = `Cairo 31.2 30.0, Lagos 3.4 6.5, Lima -77.0 -12.0, Paris 2.4 48.9,
  Quito -78.5 -0.2, Sydney 151.2 -33.9, Tokyo 139.7 35.7, Toronto -79.4 43.7`;
const HEADER = 16; // of struct place: two children, two coordinates
const build =
  process.env.LSHM_BUILD ??
  fileURLToPath(new URL("../../build/release", import.meta.url));

// Below heapBase lie the module's static data and stack.
const memory = new LocalSharedMemory({ maximum: 64, heapBase: 65536 });
const code = readFileSync(join(build, "examples/places.wasm"));
const module = new WebAssembly.Module(code);
const { exports: c } = new WebAssembly.Instance(module, memory.imports);

/** Adds a place to the tree whose root's pointer stands at `link`. */
function add(link, name, x, y) {
  const bytes = new TextEncoder().encode(name);
  const place = memory.calloc(1, HEADER + bytes.length);
  memory.setFloat32(place + 8, x);
  memory.setFloat32(place + 12, y);
  memory.setString(place + HEADER, name, bytes.length);
  for (let axis = 0, at; (at = memory.getUint32(link)) !== 0; axis ^= 1) {
    const apart = [x, y][axis] - memory.getFloat32(at + 8 + axis * 4);
    link = apart >= 0 ? at + 4 : at;
  }
  memory.setUint32(link, place);
}

const tree = memory.calloc(1, 4);
for (const city of CITIES.split(/,\s+/)) {
  const [name, x, y] = city.split(" ");
  add(tree, name, Number(x), Number(y));
}
const [x = 13.4, y = 52.5] = process.argv.slice(2).map(Number); // Berlin
const found = c.nearest(memory.getUint32(tree), x, y) >>> 0;
const length = memory.sizeof(found) - HEADER;
console.log(
  `nearest to ${x} ${y}: ${memory.getString(found + HEADER, length)}`,
);
c.forget(memory.getUint32(tree)); // C frees what JavaScript allocated
memory.free(tree);
console.log(`blocks left: ${memory.check().blocks}`);
