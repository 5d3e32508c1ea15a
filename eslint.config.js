import js from "@eslint/js";
import globals from "globals";

export default [
  {
    ignores: ["build/", "index.js", "index.d.ts", "inspect.js", "inspect.d.ts"],
  },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: "latest", sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "max-lines-per-function": ["error", { max: 60, skipComments: true }],
      "no-fallthrough": ["error", { allowEmptyCase: true }],
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  // The module itself runs everywhere: it may name what browsers, workers and
  // worklets share, and asks globalThis for the rest.
  {
    files: ["js/**"],
    languageOptions: { globals: globals["shared-node-browser"] },
  },
  {
    files: ["tools/**", "tests/**", "examples/**", "bench/**", "*.config.js"],
    languageOptions: { globals: globals.node },
    // A suite is one long function of short ones.
    rules: { "max-lines-per-function": "off" },
  },
  {
    files: ["tests/package/site/**"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["examples/audio/**", "examples/page/**", "tests/browser/**"],
    languageOptions: {
      globals: { ...globals.browser, ...globals.audioWorklet },
    },
  },
];
