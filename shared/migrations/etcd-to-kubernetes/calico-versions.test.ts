import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { versionText } from "../../calico/versions/version.ts";
import type { JsonObject } from "../../json.ts";
import { findVersion, versionByKinds, type VersionWitnesses } from "./calico-versions.ts";
import { conversionBy, Decisions } from "./decisions.ts";
import { NodeNames } from "../../calico/node-names.ts";
import { NEWEST_RULES } from "../../calico/versions/rules.ts";

function calicoNode(image: string): JsonObject {
  const containers = [
    { name: "sidecar", image: "example.org/proxy:v9.9.9" },
    { name: "calico-node", image },
  ];
  return {
    kind: "DaemonSet",
    metadata: { name: "calico-node" },
    spec: { template: { spec: { containers } } },
  };
}

const ALL: VersionWitnesses = {
  given: "3.26",
  manifest: [{ kind: "Namespace", metadata: { name: "a" } }, calicoNode("calico/node:v3.27.1")],
  running: calicoNode("calico/node:v3.28.1"),
  clusterInformation: Buffer.from('{"spec":{"calicoVersion":"v3.29.1"}}'),
};

function found(witnesses: Partial<VersionWitnesses>): string | undefined {
  const version = findVersion({ ...ALL, ...witnesses });
  return version === undefined ? undefined : `${versionText(version.version)} ${version.from}`;
}

describe("the version of Calico", () => {
  test("is told by the first witness that knows it", () => {
    const [given, manifest, running] = [undefined, [], undefined];
    assert.equal(found({}), "v3.26 --calico-version");
    assert.equal(found({ given }), "v3.27.1 calico-node's image in the manifest");
    assert.equal(found({ given, manifest }), "v3.28.1 calico-node's image that runs");
    assert.equal(found({ given, manifest, running }), "v3.29.1 ClusterInformation");
    assert.equal(found({ given, manifest, running, clusterInformation: Buffer.from("{") }), undefined);
  });

  test("is not told by an image without a version", () => {
    const manifest = [calicoNode("registry.example.org/calico/node@sha256:abc")];
    assert.equal(found({ given: undefined, manifest }), "v3.28.1 calico-node's image that runs");
  });

  test("is guessed by the kinds that have a CRD where nothing tells it", () => {
    const guess = (...missing: string[]) => {
      const { version, isGuess } = versionByKinds(new Set(missing));
      assert.equal(isGuess, true);
      return versionText(version);
    };
    const staged = ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "StagedKubernetesNetworkPolicy"];
    assert.equal(guess(), "v3.34");
    assert.equal(guess(...staged), "v3.29");
    assert.equal(guess(...staged, "Tier", "BGPFilter"), "v3.28");
  });
});

test("a run that an earlier version has begun goes on as it began", () => {
  const notes = { targetGroup: "crd.projectcalico.org/v1", pinnedRevision: 7, byKind: {} };
  const { calico = assert.fail() } = conversionBy(Decisions.parse(notes), NodeNames.from([]));
  assert.deepEqual(calico.rules, NEWEST_RULES);
  assert.deepEqual([calico.missingKinds.size, calico.missingFields.size], [0, 0]);
});
