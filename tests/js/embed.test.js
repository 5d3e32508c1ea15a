// What may go into index.js: the rules of tools/wasm.js hold for the modules
// that it carries, and tools/embed.js refuses each way of breaking them.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  encodeBytes,
  faults,
  inspect,
  memoryFlagAt,
  MODULE_BYTES_MAX,
  oversizes,
  TOTAL_BYTES_MAX,
  usesStack,
} from "../../tools/wasm.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const carrier = process.env.LSHM_MODULE ?? join(root, "index.js");

/** Every byte's character, by byte. */
const CHARACTERS = encodeBytes(Uint8Array.from({ length: 256 }, (_, i) => i));
const decode = (text) =>
  Uint8Array.from(text, (character) => CHARACTERS.indexOf(character));

/** The modules that the built index.js carries, by name. */
function carried() {
  const text = readFileSync(carrier, "utf8");
  const found = {};
  const literal = text.match(/const WASM = (\{[\s\S]*?\n\});?/);
  assert.ok(literal, "index.js has a WASM literal");
  for (const [, name, code] of literal[1].matchAll(
    /^ {2}(\w+):\s*"([^"]{99,})"/gm,
  )) {
    found[name] = decode(code);
  }
  return found;
}

// A module is put together from sections: a section is an id and its bytes.
const section = (id, ...bytes) => [id, bytes.length, ...bytes];
const text = (string) => [string.length, ...Buffer.from(string)];
const imported = (name, ...kind) => [...text("env"), ...text(name), ...kind];
const MEMORY = imported("memory", 2, 3, 0, 0x80, 0x80, 4);
const TYPE = section(1, 1, 0x60, 0, 0); // () -> ()
const CODE = section(10, 1, 2, 0, 0x0b);
const module = (...sections) =>
  Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
const imports = (...items) => section(2, items.length, ...items.flat());
const GOOD = [
  TYPE,
  imports(MEMORY),
  section(3, 1, 0),
  section(7, 1, ...text("f"), 0, 0),
  CODE,
];

test("the modules that index.js carries keep every rule", () => {
  const modules = carried();
  assert.ok(Object.keys(modules).length > 0, "index.js carries modules");
  const lower = [];
  for (const [name, bytes] of Object.entries(modules)) {
    assert.deepEqual(faults(bytes, lower), [], name);
    assert.equal(bytes[memoryFlagAt(bytes)], 3, name);
    assert.ok(WebAssembly.validate(bytes), name);
    lower.push(...inspect(bytes).exports);
  }
  assert.deepEqual(oversizes(modules), []);
});

test("each rule is found broken", () => {
  const broken = {
    "has a data section": [...GOOD, section(11, 0)],
    "has a dataCount section": [...GOOD, section(12, 0)],
    "has a start section": [...GOOD, section(8, 0)],
    "has a memory section": [TYPE, imports(MEMORY), section(5, 1, 0, 1)],
    "has a custom section": [...GOOD, section(0, ...text("name"))],
    "imports env.other, which nothing offers": [
      TYPE,
      imports(MEMORY, imported("other", 0, 0)),
    ],
    "imports env.__stack_pointer, which nothing offers": [
      imports(MEMORY, imported("__stack_pointer", 3, 0x7f, 1)),
    ],
    "does not import env.memory": [TYPE, section(3, 1, 0), CODE],
  };
  for (const [fault, sections] of Object.entries(broken)) {
    const found = faults(module(...sections), ["f"]).join("\n");
    assert.ok(found.includes(fault), `${fault}: found "${found}"`);
  }
  const good = module(...GOOD);
  assert.deepEqual(faults(good, []), []);
  assert.throws(() => inspect(good.subarray(0, 20)), /outside/);
});

test("bytes are embedded as printable characters, each as its own", () => {
  assert.equal(new Set(CHARACTERS).size, 256);
  assert.equal(CHARACTERS.length, 256);
  assert.doesNotMatch(CHARACTERS, /["\\\p{Cc}\s]/u);
});

test("modules that are too large are named", () => {
  const [most, all] = [MODULE_BYTES_MAX, TOTAL_BYTES_MAX];
  const fits = new Uint8Array(most);
  const large = new Uint8Array(most + 1);
  assert.deepEqual(oversizes({ a: fits }), []);
  assert.deepEqual(oversizes({ a: fits, b: large }), [
    `b has ${most + 1} bytes, ${most} at most`,
  ]);
  const many = Array(Math.floor(all / most) + 1).fill(fits);
  assert.deepEqual(oversizes(many), [
    `${many.length * most} bytes in all, ${all} at most`,
  ]);
});

test("an object that uses the stack shows", () => {
  const pointer = imported("__stack_pointer", 3, 0x7f, 1);
  assert.equal(usesStack(module(imports(MEMORY, pointer))), true);
  assert.equal(usesStack(module(imports(MEMORY))), false);
});

describe("embed.js", () => {
  let folder = "";
  const at = (name) => join(folder, name);
  const embed = (...extra) =>
    spawnSync(
      process.execPath,
      [
        join(root, "tools/embed.js"),
        ...["--source", at("source.js"), "--errors", at("errors.h")],
        ...["--package", at("package.json"), "--out", at("out.js")],
        ...["--object", at("low.o"), "--module", at("low.wasm")],
        ...extra,
      ],
      { encoding: "utf8", timeout: 60_000 },
    );

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "lshm-embed-"));
    writeFileSync(
      at("package.json"),
      '{ "version": "7.8.9", "type": "module" }',
    );
    writeFileSync(
      at("errors.h"),
      '\tX(ONE, 1, "a \\"b\\"") \\\n\tX(TWO_B, 2, "c")',
    );
    writeFileSync(
      at("source.js"),
      "const WASM = /* @wasm */ {};\nconst ERRORS = /* @errors */ {};\n" +
        'const VERSION = /* @version */ "";\nexport { WASM, ERRORS, VERSION };\n',
    );
    writeFileSync(at("low.wasm"), module(...GOOD));
    writeFileSync(at("low.o"), module(imports(MEMORY)));
  });
  after(() => rmSync(folder, { recursive: true }));

  test("fills the markers in", () => {
    const run = embed();
    assert.equal(run.status, 0, run.stderr);
    const shown = execFileSync(
      process.execPath,
      [
        ...["--input-type=module", "--eval"],
        `import * as all from ${JSON.stringify(at("out.js"))};
        console.log(JSON.stringify(all));`,
      ],
      { encoding: "utf8" },
    );
    const { WASM, ERRORS, VERSION } = JSON.parse(shown);
    assert.equal(VERSION, "7.8.9");
    assert.deepEqual(ERRORS, { ONE: [1, 'a "b"'], TWO_B: [2, "c"] });
    const bytes = decode(WASM.low);
    assert.deepEqual(bytes, module(...GOOD));
    assert.equal(bytes[WASM.flag.low], 3);
    bytes[WASM.flag.low] = 1;
    const memory = new WebAssembly.Memory({ initial: 0, maximum: 1 });
    new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory },
    });
  });

  test("refuses a module that is too large", () => {
    const body = Array(MODULE_BYTES_MAX).fill(0x01); // nop
    const length = body.length + 2;
    const leb = (n) => [(n & 127) | 128, n >> 7];
    const code = [10, ...leb(length + 3), 1, ...leb(length), 0, ...body, 0x0b];
    const large = module(...GOOD.slice(0, -1), code);
    assert.ok(WebAssembly.validate(large));
    writeFileSync(at("large.wasm"), large);
    const run = embed("--module", at("large.wasm"));
    assert.equal(run.status, 1);
    assert.match(run.stderr, /large has \d+ bytes, 4096 at most/);
  });

  test("writes nothing when a rule is broken", () => {
    rmSync(at("out.js"), { force: true });
    writeFileSync(at("high.wasm"), module(...GOOD, section(11, 0)));
    writeFileSync(
      at("stack.o"),
      module(imports(imported("__stack_pointer", 3, 0x7f, 1))),
    );
    const data = embed("--module", at("high.wasm"));
    assert.equal(data.status, 1);
    assert.match(data.stderr, /high\.wasm has a data section/);
    const stack = embed("--object", at("stack.o"));
    assert.equal(stack.status, 1);
    assert.match(stack.stderr, /uses the stack.*stack\.o/);
    assert.ok(!existsSync(at("out.js")));
  });

  test("lets a module import what lower ones export, and no other", () => {
    const user = module(TYPE, imports(MEMORY, imported("f", 0, 0)));
    writeFileSync(at("user.wasm"), user);
    assert.equal(embed("--module", at("user.wasm")).status, 0);
    const stranger = module(TYPE, imports(MEMORY, imported("g", 0, 0)));
    writeFileSync(at("user.wasm"), stranger);
    const run = embed("--module", at("user.wasm"));
    assert.equal(run.status, 1);
    assert.match(run.stderr, /imports env\.g, which nothing offers/);
  });

  test("a marker that is missing or doubled is an error", () => {
    const source = readFileSync(at("source.js"), "utf8");
    writeFileSync(at("source.js"), source.replace("/* @errors */", ""));
    assert.match(embed().stderr, /expected one \/\* @errors \*\/.*not 0/);
    writeFileSync(at("source.js"), source + source);
    assert.match(embed().stderr, /expected one \/\* @wasm \*\/.*not 2/);
  });
});

describe("cut.js", () => {
  const TEXT = `(module
 (type $none_=>_i32 (func (result i32)))
 (import "env" "memory" (memory $m (shared 1 1)))
 (global $g (mut i32) (i32.const 0))
 (export "top" (func $top))
 (export "base" (func $base))
 (func $base (param $0 i32) (result i32)
  (local.get $0)
 )
 (func $both (param $0 i32) (result i32)
  (call $base
   (local.get $0)
  )
 )
 (func $top (param $0 i32) (result i32)
  (global.set $g
   (call $both
    (local.get $0)
   )
  )
  (global.get $g)
 )
)
`;
  let folder = "";
  const at = (name) => join(folder, name);
  const read = (name) => readFileSync(at(name), "utf8");
  const cut = (text, low, high) => {
    writeFileSync(at("core.wat"), text);
    return spawnSync(
      process.execPath,
      [
        ...[join(root, "tools/cut.js"), at("core.wat"), at("names.json")],
        ...[`${at("low.wat")}=${low}`, `${at("high.wat")}=${high}`],
      ],
      { encoding: "utf8", timeout: 60_000 },
    );
  };

  before(() => (folder = mkdtempSync(join(tmpdir(), "lshm-cut-"))));
  after(() => rmSync(folder, { recursive: true }));

  test("a function goes where it is given, or where it is called", () => {
    const run = cut(TEXT, "base", "top");
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(JSON.parse(read("names.json")), { top: "a", base: "b" });
    assert.match(read("low.wat"), /\(export "b" \(func \$base\)\)/);
    assert.doesNotMatch(read("low.wat"), /\$(both|top|g)\b/);
    const wanted = '(import "e" "b" (func $base (param i32) (result i32)))';
    assert.ok(read("high.wat").includes(wanted));
    assert.match(read("high.wat"), /\(global \$g[\s\S]*\(func \$both /);
  });

  test("what an upper part needs is exported for it", () => {
    const run = cut(TEXT, "both", "top");
    assert.equal(run.status, 0, run.stderr);
    assert.match(read("low.wat"), /\(export "c" \(func \$both\)\)/);
    assert.match(read("low.wat"), /\(func \$base /);
    assert.match(read("high.wat"), /\(import "e" "c" \(func \$both /);
  });

  test("a wrong cut is an error", () => {
    const wrong = (text, low, high, message) => {
      const run = cut(text, low, high);
      assert.equal(run.status, 1);
      assert.match(run.stderr, message);
    };
    wrong(TEXT, "base", "none", /there is no none/);
    wrong(TEXT, "top", "base", /base is called below its part, by both/);
    const twice = TEXT.replace("(local.get $0)\n )", "(global.get $g)\n )");
    wrong(twice, "base", "top", /the global g is used in two parts/);
    wrong(TEXT.replace("(global", "(table"), "base", "top", /cannot cut/);
  });
});
