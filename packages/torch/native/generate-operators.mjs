// Writes src/operators.generated.ts: a typed method (schemas whose first argument is `self`) or function for every
// operator of the allow-list, from the schemas of the libtorch at hand. Run `npm run generate:ops` after a change.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { allowed } from "./operators.allow.mjs";

const bridge = createRequire(import.meta.url)("../build/bridge.node");

/** Arguments that JavaScript has no use for: they keep their defaults. */
const hidden = new Set(["layout", "pin_memory", "generator", "non_blocking"]);

function splitTopLevel(text) {
  const parts = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if ("([".includes(character)) depth++;
    if (")]".includes(character)) depth--;
    if (character === "," && depth === 0) {
      parts.push(current.trim());
      current = "";
    } else current += character;
  }
  if (current.trim()) parts.push(current.trim());
  return parts;
}

/** "Tensor(a!) self", "int[2] stride=1", "Scalar? max=None" → its type, name and whether it may be left out. */
function parseArgument(text) {
  const match = /^(.+?)\s+(\w+)(?:=(.*))?$/.exec(text);
  if (!match) throw new Error(`cannot read the argument '${text}'`);
  const type = match[1].replace(/\([^)]*\)/g, "");
  return { type, name: match[2], optional: match[3] !== undefined };
}

function parseSchema(text) {
  const open = text.indexOf("(");
  let depth = 0;
  let close = open;
  for (; close < text.length; close++) {
    if (text[close] === "(") depth++;
    if (text[close] === ")" && --depth === 0) break;
  }
  const parts = splitTopLevel(text.slice(open + 1, close));
  const star = parts.indexOf("*");
  const positional = (star < 0 ? parts : parts.slice(0, star)).map(parseArgument);
  const keywords = (star < 0 ? [] : parts.slice(star + 1)).map(parseArgument);
  return { positional, keywords, returns: text.slice(text.indexOf("->", close) + 2).trim() };
}

/** TypeScript type and the letter by which overloads are told apart at run time. */
function typeOf(type) {
  const optional = type.endsWith("?");
  const base = optional ? type.slice(0, -1) : type;
  const nullable = (typescript) => (optional ? `${typescript} | null` : typescript);
  if (base === "Tensor") return [nullable("Tensor"), "T"];
  if (base === "Tensor[]") return [nullable("readonly Tensor[]"), "L"];
  if (base === "Tensor?[]") return [nullable("readonly (Tensor | null)[]"), "L"];
  if (/^(SymInt|int|float|bool)\[\d+\]$/.test(base)) return [nullable("number | readonly number[]"), "N"];
  if (/^(SymInt|int|float|Scalar)\[\]$/.test(base)) return [nullable("readonly number[]"), "A"];
  if (["int", "SymInt", "float", "Scalar"].includes(base)) return [nullable("number"), "n"];
  if (base === "bool") return [nullable("boolean"), "b"];
  if (base === "str") return [nullable("string"), "s"];
  if (base === "ScalarType") return [nullable("DType"), "s"];
  if (base === "MemoryFormat") return [nullable("MemoryFormat"), "s"];
  if (base === "Device") return [nullable("string"), "s"];
  return [nullable("string"), "s"];
}

function returnType(returns) {
  const plain = returns.replace(/\((?=[a-z](?:!| ->|\)))[^)]*\)/g, "");
  if (plain === "()") return "void";
  if (plain.startsWith("(")) {
    const parts = splitTopLevel(plain.slice(1, -1));
    return `[${parts.map((part) => `${part.split(" ")[1] ?? "value"}: ${typeOf(part.split(" ")[0])[0]}`).join(", ")}]`;
  }
  if (plain === "Tensor[]") return "Tensor[]";
  return typeOf(plain)[0];
}

function signature(schema, isMethod) {
  const positional = schema.positional.slice(isMethod ? 1 : 0);
  const lastRequired = positional.map((argument) => argument.optional).lastIndexOf(false);
  const parameters = positional.map((argument, index) => {
    const [typescript] = typeOf(argument.type);
    // An optional argument before a required one must still be written, if only as undefined.
    if (!argument.optional) return `${argument.name}: ${typescript}`;
    return index > lastRequired ? `${argument.name}?: ${typescript}` : `${argument.name}: ${typescript} | undefined`;
  });
  const keywords = schema.keywords.filter((argument) => !hidden.has(argument.name));
  if (keywords.length > 0) {
    const fields = keywords.map((argument) =>
      `${argument.name}${argument.optional ? "?" : ""}: ${typeOf(argument.type)[0]} ${argument.optional ? "| undefined" : ""}`.trim(),
    );
    const needed = keywords.some((argument) => !argument.optional);
    parameters.push(`options${needed && lastRequired === positional.length - 1 ? "" : "?"}: { ${fields.join("; ")} }`);
  }
  return `(${parameters.join(", ")}): ${returnType(schema.returns)}`;
}

function specification(name, schemas) {
  const overloads = schemas.map(({ overload, parsed }) => {
    const codes = parsed.positional.map(
      (argument) => typeOf(argument.type)[1] + (argument.optional || argument.type.endsWith("?") ? "?" : ""),
    );
    const keywords = parsed.keywords.map((argument) => argument.name);
    return `{ overload: ${JSON.stringify(overload)}, positional: ${JSON.stringify(codes)}, keywords: ${JSON.stringify(keywords)} }`;
  });
  return `operator("aten::${name}", [${overloads.join(", ")}])`;
}

const reserved = new Set(["var"]);
const specifications = [];
const methods = [];
const functions = [];
for (const [name, wanted] of Object.entries(allowed)) {
  const known = bridge.operatorSchemas(`aten::${name}`);
  const schemas = wanted.flatMap((overload) => {
    const found = known.find((schema) => schema.overload === overload);
    if (!found) console.warn(`aten::${name}.${overload} is not in this libtorch`);
    return found ? [{ overload, text: found.text, parsed: parseSchema(found.text) }] : [];
  });
  if (schemas.length === 0) continue;
  const constant = `op_${name}`;
  specifications.push(`const ${constant} = ${specification(name, schemas)};`);
  const isMethod =
    schemas[0].parsed.positional[0]?.name === "self" && schemas[0].parsed.positional[0].type === "Tensor";
  const doc = `/** ${schemas.map((schema) => `\`${schema.text}\``).join(" · ")} */`;
  const results = [...new Set(schemas.map((schema) => returnType(schema.parsed.returns)))].join(" | ");
  const heads = [...new Set(schemas.map((schema) => signature(schema.parsed, isMethod)))];
  const exported = reserved.has(name) && !isMethod ? `${name}_tensor` : name;
  if (isMethod) {
    methods.push(
      `  ${doc}\n${heads.map((head) => `  ${name}${head};`).join("\n")}\n  ${name}(...args: unknown[]): ${results} {\n    return invoke(${constant}, [this, ...args]) as ${results};\n  }`,
    );
  } else {
    functions.push(
      `${doc}\n${heads.map((head) => `export function ${exported}${head};`).join("\n")}\nexport function ${exported}(...args: unknown[]): ${results} {\n  return invoke(${constant}, args) as ${results};\n}`,
    );
  }
}

const file = `// Generated by native/generate-operators.mjs from libtorch's schemas; do not edit.
import { invoke, operator } from "./dispatch.js";
import type { DType, MemoryFormat } from "./dtype.js";
import type { Tensor } from "./tensor.js";

${specifications.join("\n")}

/** The operators whose first argument is \`self\`, as methods of Tensor. */
export abstract class TensorOperators {
${methods.join("\n\n")}
}

${functions.join("\n\n")}
`;
writeFileSync(new URL("../src/operators.generated.ts", import.meta.url), file);
console.log(`${methods.length} methods, ${functions.length} functions`);
