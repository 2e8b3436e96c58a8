import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiserverToCrdsOptions } from "./apiserver-to-crds/options.ts";
import { EtcdToKubernetesOptions } from "./etcd-to-kubernetes/options.ts";

const URLS = ["https://me:s3cr3t@example.org/a.yaml", "https://example.org/a.yaml?token=s3cr3t"];

describe("options of a run, which everybody who sees it may read,", () => {
  for (const url of URLS) {
    test(`hold no secret of a URL: ${url.replace("s3cr3t", "…")}`, () => {
      for (const parsed of [
        EtcdToKubernetesOptions.safeParse({ manifest: url }),
        EtcdToKubernetesOptions.safeParse({ rollbackManifest: url }),
        ApiserverToCrdsOptions.safeParse({ crds: url }),
      ]) {
        assert.equal(parsed.success, false);
        assert.match(JSON.stringify(parsed.error.issues), /holds a .*; download the manifest/);
        assert.doesNotMatch(JSON.stringify(parsed.error.issues), /s3cr3t/);
      }
    });
  }
});
