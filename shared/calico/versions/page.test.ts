import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { versionsPage } from "./page.ts";

/** Without what only aligns tables, and wraps lines. */
function plain(text: string): string {
  return text.replace(/-{3,}/g, "---").replace(/\s+/g, " ").trim();
}

test("docs/versions.md says what the data says (else: npm run generate:versions)", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/versions.md"), "utf8");
  assert.equal(plain(page), plain(versionsPage()));
});
