import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { clusterSource } from "./kubernetes.ts";
import { kubernetesRelease, mutatingArguments, RELEASE_VARIABLE, RELEASES } from "./kubernetes-release.ts";

beforeEach(() => {
  Reflect.deleteProperty(process.env, RELEASE_VARIABLE);
});

test("clusters are of the newest release, unless another one is asked for", () => {
  assert.equal(kubernetesRelease(), RELEASES.at(-1));
  for (const release of RELEASES) {
    process.env[RELEASE_VARIABLE] = release.name;
    assert.equal(kubernetesRelease(), release);
  }
});

test("a release without modules is refused, naming those that there are", () => {
  process.env[RELEASE_VARIABLE] = "1.20";
  assert.throws(kubernetesRelease, {
    code: "TEST_KUBERNETES_UNKNOWN",
    message: 'CALICO_MIGRATOR_TEST_KUBERNETES is "1.20"',
    next: "Set it to one of 1.28, 1.32, 1.34, 1.35, 1.36, or not at all.",
  });
});

test("whoever asks for a release gets a cluster of this machine, also beside a kubeconfig", async (t) => {
  process.env["CALICO_MIGRATOR_TEST_KUBECONFIG"] = "/elsewhere";
  t.after(() => delete process.env["CALICO_MIGRATOR_TEST_KUBECONFIG"]);
  assert.deepEqual(await clusterSource(), { origin: "kubeconfig", path: "/elsewhere" });
  process.env[RELEASE_VARIABLE] = "1.34";
  assert.deepEqual(await clusterSource(), { origin: "local" });
});

for (const { name, version, folder, mutating } of RELEASES)
  test(`the modules of ${name} are pinned, and what it needs for mutating policies is switched on`, () => {
    const modules = join(import.meta.dirname, folder);
    const pinned = readFileSync(join(modules, "go.mod"), "utf8");
    assert.match(pinned, new RegExp(`^require k8s\\.io/kubernetes ${version.replaceAll(".", "\\.")} `, "m"));
    assert.ok(existsSync(join(modules, "go.sum")));
    const release = RELEASES.find((one) => one.name === name) ?? assert.fail();
    const isOff = mutating === "v1alpha1" || mutating === "v1beta1";
    assert.equal(mutatingArguments(release).length, isOff ? 2 : 0);
  });
