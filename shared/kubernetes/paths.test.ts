import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { describeSubject, queryString, requestSubject, resourcePath } from "./paths.ts";

suite("paths", () => {
  test("follow the API server's scheme", () => {
    assert.equal(resourcePath({ apiVersion: "v1", plural: "nodes", name: "n1" }), "/api/v1/nodes/n1");
    const policies = { apiVersion: "crd.projectcalico.org/v1", plural: "networkpolicies", namespace: "a" };
    assert.equal(resourcePath(policies), "/apis/crd.projectcalico.org/v1/namespaces/a/networkpolicies");
    const path = resourcePath({ ...policies, name: "x" }, "status");
    assert.equal(path, "/apis/crd.projectcalico.org/v1/namespaces/a/networkpolicies/x/status");
  });

  test("encode what would change their meaning", () => {
    assert.equal(
      resourcePath({ apiVersion: "v1", plural: "nodes", name: "a/b?c" }),
      "/api/v1/nodes/a%2Fb%3Fc",
    );
    assert.equal(queryString({ a: "x&y=z", b: undefined, c: 3, d: false }), "?a=x%26y%3Dz&c=3&d=false");
    assert.equal(queryString({ a: undefined }), "");
  });

  test("name their subject for RBAC", () => {
    const of = (method: string, path: string): string => {
      const { verb, group, resource, subresource, namespace, name } = requestSubject(method, path);
      return [verb, group, resource, subresource, namespace, name].map((part) => part ?? "-").join(" ");
    };
    assert.equal(of("GET", "/api/v1/namespaces/a"), "get  namespaces - - a");
    assert.equal(of("PUT", "/api/v1/namespaces/a/finalize"), "update  namespaces finalize - a");
    assert.equal(of("GET", "/api/v1/namespaces/a/pods?limit=1"), "list  pods - a -");
    assert.equal(
      of("DELETE", "/apis/apps/v1/namespaces/a/daemonsets"),
      "deletecollection apps daemonsets - a -",
    );
    assert.equal(
      of("PATCH", "/apis/apps/v1/namespaces/a/daemonsets/b/scale"),
      "patch apps daemonsets scale a b",
    );
    assert.equal(of("POST", "/api/v1/nodes"), "create  nodes - - -");
    assert.equal(of("GET", "/version"), "get   - - /version");
  });

  test("name their subject to people", () => {
    const of = (path: string) => describeSubject(requestSubject("GET", path));
    assert.equal(of("/version"), "get /version");
    assert.equal(of("/apis/apps/v1/namespaces/a/daemonsets/b"), 'get daemonsets.apps "b" in namespace "a"');
  });

  test("read back as what they were made of", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}$/);
    const ref = fc.record({
      apiVersion: fc.constantFrom("v1", "apps/v1"),
      plural: fc.constantFrom("pods", "widgets"),
      namespace: fc.option(word, { nil: undefined }),
      name: word,
    });
    fc.assert(
      fc.property(ref, (one) => {
        const subject = requestSubject("GET", resourcePath(one));
        assert.equal(subject.resource, one.plural);
        assert.equal(subject.namespace, one.namespace);
        assert.equal(subject.name, one.name);
      }),
    );
  });
});
