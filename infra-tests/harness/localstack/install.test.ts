import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { removeFolder, temporaryFolder } from "../temporary-folder.ts";
import { installOnce } from "./install.ts";

let cache: string;
const given = process.env["XDG_CACHE_HOME"];
before(() => {
  cache = temporaryFolder("install-test");
  process.env["XDG_CACHE_HOME"] = cache;
});
after(() => {
  if (given === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = given;
  removeFolder(cache);
});

test("something is made once, however many ask for it at the same time", async () => {
  let made = 0;
  const installation = {
    folder: "once",
    what: "a test",
    make: (target: string) => {
      made += 1;
      writeFileSync(join(target, "content"), "complete");
      return Promise.resolve();
    },
  };
  const homes = await Promise.all([1, 2, 3].map(() => installOnce(installation)));
  await installOnce(installation);
  assert.equal(made, 1);
  assert.deepEqual(new Set(homes).size, 1);
  assert.equal(readFileSync(join(homes[0] ?? "", "content"), "utf8"), "complete");
});

test("what fails leaves nothing behind and is made anew the next time", async () => {
  const installation = { folder: "failing", what: "a test" };
  const fails = (target: string) => {
    writeFileSync(join(target, "half"), "");
    return Promise.reject(new Error("disk full"));
  };
  await assert.rejects(installOnce({ ...installation, make: fails }), /disk full/);
  assert.deepEqual(
    readdirSync(join(cache, "calico-migrator")).filter((name) => name.startsWith("failing")),
    [],
  );
  const home = await installOnce({ ...installation, make: () => Promise.resolve() });
  assert.equal(existsSync(join(home, "half")), false);
});
