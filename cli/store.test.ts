import assert from "node:assert/strict";
import { test } from "node:test";
import { storePath } from "./store.ts";

test("the store is where it is asked for, else where the environment says, else in the state folder", () => {
  const cwd = "/somewhere";
  const all = { CALICO_MIGRATOR_STORE: "from/env.db", XDG_STATE_HOME: "/state", HOME: "/home/a" };
  const state = { ...all, CALICO_MIGRATOR_STORE: "" };
  assert.equal(storePath({ cwd, env: all }, "asked.db"), "/somewhere/asked.db");
  assert.equal(storePath({ cwd, env: all }, undefined), "/somewhere/from/env.db");
  assert.equal(storePath({ cwd, env: state }, undefined), "/state/calico-migrator/store.db");
  const home = storePath({ cwd, env: { HOME: "/home/a", XDG_STATE_HOME: "" } }, undefined);
  assert.equal(home, "/home/a/.local/state/calico-migrator/store.db");
});
