import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CHECKS as NATIVE } from "./apiserver-to-crds/preflight/catalogue.ts";
import { RESTORE_CHECKS } from "./backup/restore/preflight/checks.ts";
import { CHECKS as ETCD } from "./etcd-to-kubernetes/preflight/catalogue.ts";

/** What a run was started with is kept with it: a resume reads no other file, and takes no other option. */
const OF_THE_START = /--(?!approve-|type=)[a-z-]+|\bkubeconfig\b/;
const NEW_RUN = /\bstart again\b|\brestore (again|anew|with)\b/i;

describe("what a check says to do", () => {
  for (const { id, fix } of [...ETCD, ...NATIVE, ...RESTORE_CHECKS])
    test(`is a new run where it is about what a run was started with: ${id}`, () => {
      if (OF_THE_START.test(fix)) assert.match(fix, NEW_RUN);
    });
});
