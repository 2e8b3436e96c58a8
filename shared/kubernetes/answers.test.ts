import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorOfAnswer } from "./answers.ts";

function refused(message: string, status = 403, reason = "Forbidden"): ReturnType<typeof errorOfAnswer> {
  const text = JSON.stringify({ kind: "Status", reason, message });
  const path = "/apis/projectcalico.org/v3precopy/namespaces/shop/networkpolicies";
  return errorOfAnswer("POST", path, { status, retryAfter: undefined, text });
}

describe("a refusal", () => {
  test("of an admission policy that the API server cannot evaluate yet is tried again", () => {
    const error = refused(
      "policy 'policytypes' with binding 'policytypes' denied request: failed to configure policy: " +
        "failed to find resource referenced by paramKind: 'projectcalico.org/v3, Kind=NetworkPolicy'",
    );
    assert.deepEqual([error.code, error.retryable], ["KUBERNETES_ADMISSION_NOT_READY", true]);
  });

  test("for want of a right is final", () => {
    const error = refused('networkpolicies is forbidden: User "robot" cannot create resource');
    assert.deepEqual([error.code, error.retryable], ["KUBERNETES_FORBIDDEN", false]);
  });

  test("of an object that etcd does not take is final, though it is told as a failure of the server", () => {
    for (const error of [
      refused("etcdserver: request is too large", 500, ""),
      refused("rpc error: trying to send message larger than max (2097283 vs. 2097152)", 500, ""),
      refused("Request entity too large: limit is 3145728", 413, "RequestEntityTooLarge"),
    ])
      assert.deepEqual([error.code, error.retryable], ["KUBERNETES_TOO_LARGE", false]);
  });

  test("of an admission policy or a webhook is told from what is wrong with the object or the user", () => {
    for (const error of [
      refused("x is forbidden: ValidatingAdmissionPolicy 'protect' with binding 'b' denied request: no"),
      refused("x is invalid: ValidatingAdmissionPolicy 'protect' with binding 'b' denied request: no", 422),
      refused('admission webhook "guard.example.org" denied the request: no', 400),
    ])
      assert.deepEqual([error.code, error.retryable], ["KUBERNETES_ADMISSION_DENIED", false]);
  });

  test("of a namespace that is being deleted, and of a quota, is not taken for want of a right", () => {
    const terminating = refused(
      "unable to create new content in namespace shop because it is being terminated",
    );
    assert.equal(terminating.code, "KUBERNETES_NAMESPACE_TERMINATING");
    const quota = refused("exceeded quota: sets, requested: count/networksets.projectcalico.org=1, used: 1");
    assert.equal(quota.code, "KUBERNETES_QUOTA_EXCEEDED");
  });

  test("of a webhook that cannot be reached may pass", () => {
    const error = refused('failed calling webhook "guard.example.org": no endpoints available', 500, "");
    assert.equal(error.retryable, true);
  });
});
