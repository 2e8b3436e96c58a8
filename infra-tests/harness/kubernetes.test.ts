import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { clusterSource } from "./kubernetes.ts";
import { temporaryFolder } from "./temporary-folder.ts";

function installCommands(commands: Readonly<Record<string, string>>): void {
  const bin = temporaryFolder("commands");
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  process.env["PATH"] = bin;
}

test("a kubeconfig given on purpose goes first, then kind with a Docker engine that answers, then our own", async () => {
  delete process.env["CALICO_MIGRATOR_TEST_KUBECONFIG"];
  installCommands({ kind: "exit 0", docker: "exit 0" });
  assert.deepEqual(await clusterSource(), { origin: "kind" });
  installCommands({ kind: "exit 0", docker: "exit 1" });
  assert.deepEqual(await clusterSource(), { origin: "local" });
  installCommands({ docker: "exit 0" });
  assert.deepEqual(await clusterSource(), { origin: "local" });
  process.env["CALICO_MIGRATOR_TEST_KUBECONFIG"] = "/some/kubeconfig";
  assert.deepEqual(await clusterSource(), { origin: "kubeconfig", path: "/some/kubeconfig" });
});
