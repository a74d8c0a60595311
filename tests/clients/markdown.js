// Reads the documentation: the fenced blocks, headings and links of Markdown pages.

import { readFile, readdir } from "node:fs/promises";

const ROOT = new URL("../../", import.meta.url);

/** README.md, the other pages of the root directory, and those of docs/. */
export async function readPages() {
  const markdown = async (folder) => (await readdir(new URL(folder, ROOT))).filter((name) => name.endsWith(".md"));
  const names = [...(await markdown("./")), ...(await markdown("docs/")).map((name) => `docs/${name}`)];
  return Promise.all(names.sort().map(async (name) => readPage(name, await readFile(new URL(name, ROOT), "utf8"))));
}

function readPage(name, text) {
  const blocks = [];
  const prose = [];
  let open;
  text.split("\n").forEach((line, index) => {
    const [, fence] = /^\s*```(.*)$/.exec(line) ?? [];
    if (fence === undefined) {
      (open ? open.lines : prose).push(line);
    } else if (open) {
      blocks.push({ ...open, code: open.lines.join("\n") + "\n" });
      open = undefined;
    } else {
      open = { ...info(fence), line: index + 1, lines: [] };
    }
  });
  if (open) throw new Error(`${name}:${open.line}: the block does not end`);
  const plain = prose.join("\n").replace(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, "_"));
  return {
    name,
    text,
    blocks,
    anchors: anchors(prose),
    links: [...plain.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target]) => target),
  };
}

/** Parses the info string of a fence: a language, and attributes such as `file=codes.csv`. */
function info(text) {
  const [language] = text.trim().split(/\s/, 1);
  const rest = text.trim().slice(language.length);
  const attributes = {};
  for (const [, name, quoted, bare] of rest.matchAll(/([\w-]+)(?:="([^"]*)"|=(\S+))?/g)) {
    attributes[name] = quoted ?? bare ?? "";
  }
  return { language, attributes };
}

/** GitHub's anchors of the headings. */
function anchors(lines) {
  const seen = new Map();
  return lines.flatMap((line) => {
    const [, heading] = /^#{1,6} (.*)$/.exec(line) ?? [];
    if (heading === undefined) return [];
    const slug = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-");
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [count === 0 ? slug : `${slug}-${count}`];
  });
}
