import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { MigratorError } from "../../shared/errors.ts";
import { ensureBinaries } from "./binaries.ts";
import { RELEASE_VARIABLE } from "./kubernetes-release.ts";
import { temporaryFolder } from "./temporary-folder.ts";

// A stand-in for Go: it says a version, and "builds" a file, noting each build.
let calls = "";

function installGo(
  version: string,
  build = 'for out; do [ "$last" = -o ] && echo built > "$out"; last=$out; done',
) {
  const bin = temporaryFolder("fake-go");
  calls = join(bin, "calls");
  writeFileSync(calls, "");
  const script = `#!/bin/sh
if [ "$1" = version ]; then echo "go version go${version} linux/amd64"; exit; fi
mkdir -p "$(dirname "$(echo "$*" | sed 's/.*-o \\([^ ]*\\).*/\\1/')")"
echo "CGO_ENABLED=$CGO_ENABLED GOFLAGS=$GOFLAGS SECRET=$SECRET $*" >> ${calls}
sleep 0.1
${build}
`;
  writeFileSync(join(bin, "go"), script);
  chmodSync(join(bin, "go"), 0o755);
  process.env["PATH"] = `${bin}:/usr/bin:/bin`;
}

beforeEach(() => {
  process.env["XDG_CACHE_HOME"] = temporaryFolder("cache");
});

test("builds once what is missing, even when asked twice at the same time, and never again", async () => {
  installGo("1.26.8");
  const [first, second] = await Promise.all([
    ensureBinaries(["etcd", "kwok"]),
    ensureBinaries(["etcd", "kwok"]),
  ]);
  assert.deepEqual(first, second);
  assert.equal(readFileSync(first.etcd, "utf8"), "built\n");
  process.env["PATH"] = "/nonexistent";
  assert.deepEqual(await ensureBinaries(["kwok", "etcd"]), { kwok: first.kwok, etcd: first.etcd });
  assert.equal(readFileSync(calls, "utf8").trim().split("\n").length, 2);
});

test("Go gets the user's Go settings and nothing else of the environment", async () => {
  installGo("1.27.0");
  Object.assign(process.env, { GOFLAGS: "-buildvcs=false", SECRET: "secret" });
  await ensureBinaries(["kubectl"]);
  assert.match(
    readFileSync(calls, "utf8"),
    /^CGO_ENABLED=0 GOFLAGS=-buildvcs=false SECRET= build .*cmd\/kubectl$/m,
  );
  assert.match(readFileSync(calls, "utf8"), /gitVersion=v1\.36\.1/);
});

test("builds another release of Kubernetes from its own modules, beside the newest", async (t) => {
  installGo("1.26.8");
  const newest = await ensureBinaries(["kubectl"]);
  process.env[RELEASE_VARIABLE] = "1.34";
  t.after(() => Reflect.deleteProperty(process.env, RELEASE_VARIABLE));
  const other = await ensureBinaries(["kubectl"]);
  assert.notEqual(other.kubectl, newest.kubectl);
  const [, last = ""] = readFileSync(calls, "utf8").trim().split("\n");
  assert.match(last, /version\.gitVersion=v1\.34\.\d+ .*gitMinor=34 /);
});

test("without Go, or with an old one, the error lists every way out", async () => {
  installGo("1.24.3");
  for (const path of [process.env["PATH"], "/nonexistent"]) {
    process.env["PATH"] = path;
    await assert.rejects(ensureBinaries(["etcd"]), (error: unknown) => {
      assert.ok(error instanceof MigratorError);
      assert.equal(error.code, "TEST_CLUSTER_UNAVAILABLE");
      assert.match(error.next, /Go 1\.26.*Docker.*kind.*CALICO_MIGRATOR_TEST_KUBECONFIG/s);
      return true;
    });
  }
});

test("a failed build shows Go's message and leaves nothing behind that looks built", async () => {
  installGo("1.26.0", "echo 'no space left on device' >&2; exit 1");
  const failed = { code: "TEST_BINARIES_BUILD_FAILED", message: /etcd failed:\nno space left on device/ };
  await assert.rejects(ensureBinaries(["etcd"]), failed);
  installGo("1.26.0");
  assert.equal(readFileSync((await ensureBinaries(["etcd"])).etcd, "utf8"), "built\n");
});
