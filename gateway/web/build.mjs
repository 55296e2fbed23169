// Builds src into dist. The output depends on the sources and the pinned esbuild alone, so
// that `npm run verify` can tell whether the committed dist is up to date.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const src = join(root, "src");
const dist = join(root, "dist");

/** Bundles one entry point and returns its bytes. */
async function bundle(entry) {
  const result = await build({
    entryPoints: [join(src, entry)],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    write: false,
    logLevel: "warning",
  });
  return Buffer.from(result.outputFiles[0].contents);
}

/** Puts the hash of the content into the name, so that the file may be cached for ever. */
function hashed(stem, ext, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  return `assets/${stem}-${hash}.${ext}`;
}

/** Returns every file of dist by its name. */
async function output() {
  const [js, css, icon, page] = await Promise.all([
    bundle("main.ts"),
    bundle("style/main.css"),
    readFile(join(src, "icon.svg")),
    readFile(join(src, "index.html"), "utf8"),
  ]);
  const names = {
    "main.js": hashed("main", "js", js),
    "main.css": hashed("main", "css", css),
    "icon.svg": hashed("icon", "svg", icon),
  };
  const html = page.replace(/\{\{([\w.]+)\}\}/g, (_, name) => {
    if (!(name in names)) throw new Error(`index.html names ${name}, which is not built`);
    return `/${names[name]}`;
  });
  return new Map([
    ["index.html", Buffer.from(html)],
    [names["main.js"], js],
    [names["main.css"], css],
    [names["icon.svg"], icon],
  ]);
}

/** Returns what is in dist now. */
async function committed() {
  const found = new Map();
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    found.set(relative(dist, path), await readFile(path));
  }
  return found;
}

const want = await output();
if (process.argv.includes("--verify")) {
  const have = await committed();
  const names = new Set([...want.keys(), ...have.keys()]);
  const stale = [...names].filter((name) => !have.get(name)?.equals(want.get(name) ?? Buffer.alloc(0)));
  if (stale.length > 0) {
    console.error(`dist is not what src builds: ${stale.join(", ")}; run npm run build`);
    process.exit(1);
  }
} else {
  await rm(dist, { recursive: true, force: true });
  for (const [name, bytes] of want) {
    const path = join(dist, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  console.log([...want].map(([name, bytes]) => `${String(bytes.length).padStart(7)}  ${name}`).join("\n"));
}
