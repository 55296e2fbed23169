// Parses an AsyncAPI file with the reference parser, and fails for errors only; Spectral checks the style.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"));
const errors = diagnostics.filter((d) => d.severity === 0);
for (const d of errors) console.error(`${file}:${d.range.start.line + 1}: ${d.code}: ${d.message}`);
if (!document || errors.length > 0) process.exit(1);
console.log(`${file}: ${document.allMessages().length} messages parsed`);
