import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { MigratorError } from "../errors.ts";
import { loadManifests } from "./manifests.ts";
import { refuseSecretUrl, shownSource } from "./manifest-url.ts";

const SECRET = "s3cr3t";

suite("the URL of a manifest", () => {
  for (const url of [
    `https://me:${SECRET}@example.org/calico.yaml`,
    `https://${SECRET}@example.org/calico.yaml`,
    `https://b.s3.amazonaws.com/calico.yaml?X-Amz-Date=1&X-Amz-Signature=${SECRET}`,
    `https://a.blob.core.windows.net/c/calico.yaml?sv=1&sig=${SECRET}`,
    `https://storage.googleapis.com/b/calico.yaml?X-Goog-Signature=${SECRET}`,
    `HTTPS://example.org/calico.yaml?private_token=${SECRET}`,
    `https://example.org/calico.yaml?AWSAccessKeyId=a&Expires=1&Signature=${SECRET}`,
  ]) {
    test(`is refused where it lets in whoever has it: ${url.replace(SECRET, "…")}`, async () => {
      const isTold = (error: unknown): boolean => {
        assert.ok(error instanceof MigratorError && error.code === "MANIFEST_URL_HAS_SECRET");
        assert.doesNotMatch(
          JSON.stringify([error.message, error.next, error.details]),
          /s3cr3t|calico\.yaml\?/,
        );
        return true;
      };
      assert.throws(() => {
        refuseSecretUrl(url);
      }, isTold);
      await assert.rejects(loadManifests(url), isTold);
    });
  }

  test("is taken where everybody may have it, and files are never looked at", () => {
    for (const source of ["https://example.org/v3.30/calico.yaml?ref=main", "calico.yaml?sig=1", "-"])
      refuseSecretUrl(source);
  });

  test("is named without its query", () => {
    assert.equal(shownSource("https://example.org/a.yaml?x=1#y"), "https://example.org/a.yaml");
    assert.equal(shownSource("a.yaml?x"), "a.yaml?x");
    assert.equal(shownSource("http://[bad"), "a URL that is none");
  });
});
