import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

for (const name of ["bookend", "node"]) {
  test(`${name}.d.ts declares what ${name}.js exports`, async () => {
    const declarations = await readFile(new URL(`../${name}.d.ts`, import.meta.url), "utf8");
    const declared = [...declarations.matchAll(/^export (?:class|const|function) (\w+)/gm)].map((found) => found[1]);
    const exported = Object.keys(await import(`../${name}.js`));
    assert.deepEqual([...new Set(declared)].sort(), exported.sort());
  });
}
