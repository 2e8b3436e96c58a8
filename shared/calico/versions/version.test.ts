import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, imageVersion, parseVersion, versionText } from "./version.ts";

test("a version is read with and without v, patch and suffix", () => {
  const read = (text: string) => {
    const version = parseVersion(text);
    return version === undefined ? undefined : versionText(version);
  };
  assert.equal(read("v3.28.5"), "v3.28.5");
  assert.equal(read("3.28"), "v3.28");
  assert.equal(read("v3.28.1-build20240910"), "v3.28.1");
  assert.equal(read("v3.33.0-0.dev-123-gabc"), "v3.33.0");
  for (const text of ["", "master", "v3", "3.28.", "3.28.1.2", "latest"])
    assert.equal(read(text), undefined, text);
});

test("one without a patch is the newest of its minor version", () => {
  const version = (text: string) => parseVersion(text) ?? assert.fail(text);
  assert.ok(compareVersions(version("3.29"), version("3.29.7")) > 0);
  assert.ok(compareVersions(version("3.29"), version("3.30.0")) < 0);
  assert.ok(compareVersions(version("3.9.1"), version("3.15.0")) < 0);
  assert.equal(compareVersions(version("3.29"), version("v3.29")), 0);
});

test("an image tells the version by its tag, whatever the registry", () => {
  const images: readonly (readonly [image: string, version: string | undefined])[] = [
    ["docker.io/calico/node:v3.15.5", "v3.15.5"],
    ["registry.example.org:5000/calico/node:v3.28.1@sha256:abc", "v3.28.1"],
    ["rancher/mirrored-calico-node:v3.26.3", "v3.26.3"],
    ["quay.io/calico/node:release-v3.30", "v3.30"],
    ["registry.example.org:5000/calico/node", undefined],
    ["calico/node@sha256:abc", undefined],
    ["calico/node:master", undefined],
    // Calico Enterprise counts its own versions.
    ["quay.io/tigera/cnx-node:v3.19.1", undefined],
  ];
  for (const [image, version] of images) {
    const found = imageVersion(image);
    assert.equal(found === undefined ? undefined : versionText(found), version, image);
  }
});
