// typedoc.js - a plugin of TypeDoc, which makes docs/api/ from the JSDoc: a
// class's members stand under the headings that they have in the source, lines
// such as `// --- allocating ---` within it, and what only the source is about
// (lines, how the class gets its base) stays out.

import { readFileSync } from "node:fs";
import {
  Comment,
  CommentTag,
  Converter,
  IntrinsicType,
  ReflectionKind,
} from "typedoc";

const heading = /^ {2}\/\/ --- (.+) ---$/;

/** The headings of a file, each with its line (from 1). */
function headings(file) {
  return readFileSync(file, "utf8")
    .split("\n")
    .map((text, i) => ({ line: i + 1, name: heading.exec(text)?.[1] }))
    .filter(({ name }) => name !== undefined);
}

/** The comments of a member: its own or those of its signatures. */
function commentsOf(member) {
  const accessors = [member.getSignature, member.setSignature];
  const holders = [...(member.signatures ?? []), ...accessors, member];
  return holders.flatMap((holder) => holder?.comment ?? []);
}

/** Puts the members of a class under the headings of its source. */
function categorize(type) {
  /** @type {Map<string, any[]>} */
  const files = new Map();
  for (const member of type.children ?? []) {
    const at = member.sources?.[0];
    if (at === undefined || at.fullFileName.includes("node_modules")) continue;
    const { fullFileName: file, line } = at;
    if (!files.has(file)) files.set(file, headings(file));
    const found = files.get(file).findLast((entry) => entry.line < line);
    if (found === undefined) continue;
    const name = found.name[0].toUpperCase() + found.name.slice(1);
    for (const comment of commentsOf(member)) {
      const text = [{ kind: /** @type {"text"} */ ("text"), text: name }];
      comment.blockTags.push(new CommentTag("@category", text));
    }
  }
}

/**
 * Says which class of errors is thrown, which TypeDoc's theme leaves out.
 * @param {any} tag
 */
function nameError(tag) {
  const name = tag.typeAnnotation?.replace(/[{}]/g, "");
  if (!name) return;
  delete tag.typeAnnotation;
  const text = tag.content.length > 0 ? ": " : "";
  tag.content.unshift(
    { kind: "code", text: `\`${name}\`` },
    { kind: "text", text },
  );
}

/** Names a module as it is imported; its file's first lines say what it is. */
function introduce(module, name) {
  const source = readFileSync(module.sources[0].fullFileName, "utf8");
  const [, text] = /^\/\/ .* - ([^]*?)\n(?!\/\/ \w)/.exec(source);
  const summary = text.replace(/\n\/\/ /g, " ");
  module.comment = new Comment([{ kind: "text", text: summary }]);
  module.name = module.name === "index" ? name : `${name}/${module.name}`;
}

/** Says of a class what it extends for the user, not by which variable. */
function simplify(project, type) {
  if (type.extendedTypes === undefined) return;
  for (const { reflection } of type.extendedTypes) {
    if (reflection !== undefined) project.removeReflection(reflection);
  }
  type.extendedTypes = [new IntrinsicType("WebAssembly.Memory")];
  for (const member of type.children.filter((child) => child.inheritedFrom)) {
    project.removeReflection(member);
  }
}

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
      introduce(module, project.name);
    }
    for (const type of project.getReflectionsByKind(ReflectionKind.Class)) {
      categorize(type);
      simplify(project, type);
    }
  });
  // Last of all: sorting needs the lines.
  const last = -1000;
  const drop = ({ project }) => {
    for (const reflection of Object.values(project.reflections)) {
      delete reflection.sources;
      delete reflection.overwrites;
      if (reflection.typeParameters?.length === 0) {
        delete reflection.typeParameters;
      }
      // The descriptions say it, in words.
      delete reflection.defaultValue;
      for (const tag of reflection.comment?.getTags("@throws") ?? []) {
        nameError(tag);
      }
    }
    app.options.setValue("disableSources", true);
  };
  app.converter.on(Converter.EVENT_RESOLVE_END, drop, last);
}
