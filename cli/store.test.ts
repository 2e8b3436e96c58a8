import assert from "node:assert/strict";
import { copyFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { StoreOnNetworkError } from "../shared/adapters/embedded/errors.ts";
import { configPath } from "./config.ts";
import { stateFolder, storePath } from "./store.ts";
import { fakeWorld, runIn } from "./testing/fake-world.ts";

const cwd = "/somewhere";

describe("the store", () => {
  test("is where it is asked for, else where the environment says, else in the state folder", () => {
    const all = { CALICO_MIGRATOR_STORE: "from/env.db", XDG_STATE_HOME: "/state", HOME: "/home/a" };
    const state = { ...all, CALICO_MIGRATOR_STORE: "" };
    assert.equal(storePath({ cwd, env: all }, "asked.db"), "/somewhere/asked.db");
    assert.equal(storePath({ cwd, env: all }, undefined), "/somewhere/from/env.db");
    assert.equal(storePath({ cwd, env: state }, undefined), "/state/calico-migrator/store.db");
    const home = storePath({ cwd, env: { HOME: "/home/a", XDG_STATE_HOME: "" } }, undefined);
    assert.equal(home, "/home/a/.local/state/calico-migrator/store.db");
  });

  test("is never put into whatever folder the program runs in", () => {
    const next = "Name a file with --store, or with the environment variable CALICO_MIGRATOR_STORE.";
    assert.throws(() => storePath({ cwd, env: {} }, undefined), { code: "STORE_UNNAMED", next });
    const env = { CALICO_MIGRATOR_STORE: "from/env.db" };
    assert.equal(storePath({ cwd, env }, undefined), "/somewhere/from/env.db");
    assert.throws(() => storePath({ cwd, env: { HOME: "" } }, undefined), { code: "STORE_UNNAMED" });
    assert.throws(() => storePath({ cwd, env: { HOME: "home", XDG_STATE_HOME: "state" } }, undefined), {
      code: "STORE_UNNAMED",
    });
    assert.equal(stateFolder({ env: {} }), undefined);
    assert.equal(configPath({ env: {} }), undefined);
    assert.equal(storePath({ cwd, env: {} }, "asked.db"), "/somewhere/asked.db");
  });

  test("is not made of an empty file by a command that only reads", async (t) => {
    const world = fakeWorld(t);
    writeFileSync(world.store, "");
    assert.match((await runIn(world, "get")).stderr, /STORE_NOT_FOUND/);
    assert.deepEqual(
      readdirSync(world.folder).filter((name) => name.startsWith(basename(world.store))),
      [basename(world.store)],
    );
  });
});

describe("a store that was copied", () => {
  const start = ["start", "fake", "--stop-before", "lock", "-q"] as const;

  test("does not go on with a run, until a person says that the first one is used no more", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, ...start, "--kubeconfig", world.kubeconfig);
    const copy = join(world.folder, "copy.db");
    copyFileSync(world.store, copy);
    const approve = ["approve", "-q"];

    assert.match((await runIn({ ...world, store: copy }, "describe")).stdout, /Waiting/);
    const before = await runIn({ ...world, store: copy }, "describe", "-o", "json");
    for (const words of [["resume", "-q"], approve, ["rollback", "-q", "--yes"]]) {
      const refused = await runIn({ ...world, store: copy }, ...words);
      assert.match(refused.stderr, /run "fake-.*\(STORE_COPIED\)\nnext: .*--store-moved/);
    }
    const after = await runIn({ ...world, store: copy }, "describe", "-o", "json");
    assert.equal(after.stdout, before.stdout);

    const moved = await runIn({ ...world, store: copy }, "resume", "-q", "--store-moved");
    assert.doesNotMatch(moved.stderr, /STORE_COPIED/);
    await runIn({ ...world, store: copy }, ...approve);
    assert.match((await runIn({ ...world, store: copy }, ...approve)).stdout, /Succeeded/);
  });

  test("from a network file system (STORE_ON_NETWORK) goes on from a local disk, as the error says", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, ...start, "--kubeconfig", world.kubeconfig);
    const { code, next } = new StoreOnNetworkError(world.store, "nfs4");
    assert.equal(code, "STORE_ON_NETWORK");
    assert.match(
      next,
      /^Keep it on a local disk: .* --store\. .*, copy it there .*, and add --store-moved\.$/,
    );
    const local = join(world.folder, "local.db");
    copyFileSync(world.store, local);
    await runIn({ ...world, store: local }, "approve", "-q", "--store-moved");
    assert.match((await runIn({ ...world, store: local }, "approve", "-q")).stdout, /Succeeded/);
  });

  test("may be used for something new where nothing in it is unfinished", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-q");
    const copy = join(world.folder, "copy.db");
    copyFileSync(world.store, copy);
    const { code } = await runIn(
      { ...world, store: copy },
      "start",
      "fake",
      "--kubeconfig",
      world.kubeconfig,
      "--yes",
      "-q",
    );
    assert.equal(code, 0);
  });

  test("is the same one under another name", async (t) => {
    const world = fakeWorld(t);
    await runIn(world, ...start, "--kubeconfig", world.kubeconfig);
    const renamed = join(world.folder, "renamed.db");
    renameSync(world.store, renamed);
    assert.doesNotMatch((await runIn({ ...world, store: renamed }, "resume", "-q")).stderr, /STORE_COPIED/);
  });
});
