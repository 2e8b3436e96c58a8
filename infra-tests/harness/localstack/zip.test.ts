import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { zip } from "./zip.ts";

test("an archive holds each file's text, checksum and place", () => {
  const archive = zip({ "index.mjs": "export {};", "lib/a.txt": "ä" });
  const directory = archive.readUInt32LE(archive.length - 6);
  assert.equal(archive.readUInt16LE(archive.length - 12), 2);
  const second = directory + 46 + "index.mjs".length;
  assert.equal(archive.toString("utf8", second + 46, second + 46 + 9), "lib/a.txt");
  const place = archive.readUInt32LE(second + 42);
  assert.equal(archive.readUInt32LE(place), 0x04034b50);
  assert.equal(archive.readUInt32LE(place + 14), crc32("ä"));
  assert.equal(archive.toString("utf8", place + 30 + 9, place + 30 + 9 + 2), "ä");
});
