import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { errorOfAnswer } from "./answers.ts";

function refused(message: string): ReturnType<typeof errorOfAnswer> {
  const text = JSON.stringify({ kind: "Status", reason: "Forbidden", message });
  const path = "/apis/projectcalico.org/v3precopy/namespaces/shop/networkpolicies";
  return errorOfAnswer("POST", path, { status: 403, retryAfter: undefined, text });
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
});
