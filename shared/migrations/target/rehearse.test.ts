import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import type { KubernetesApi, Send } from "../../kubernetes/types.ts";
import { type Rehearsal, rehearse, rehearseBeforeLock } from "./rehearse.ts";

const send: Send = (request) => request({} as KubernetesApi);

function failing(what: string, code: string, message: string, retryable = false): Rehearsal {
  const error = new KubernetesApiError(code, message, { next: "", status: 403, retryable });
  return { what, try: () => Promise.reject(error) };
}

const FINE: Rehearsal = { what: "patch a", try: () => Promise.resolve() };
const DENIED = failing("patch b", "KUBERNETES_ADMISSION_DENIED", "policy 'protect' denied request");

describe("rehearsing", () => {
  test("tells every write that would be refused, and by whom", async () => {
    const also = failing("delete c", "KUBERNETES_FORBIDDEN", "no right");
    const { asked, refused } = await rehearse(send, [DENIED, FINE, also]);
    assert.equal(asked, 3);
    assert.deepEqual(refused, ["patch b: policy 'protect' denied request", "delete c: no right"]);
  });

  test("tells apart what cannot be tried, and lets be what is gone or written at the same moment", async () => {
    const hook = failing("patch d", "KUBERNETES_BAD_REQUEST", 'webhook "x" does not support dry run');
    const gone = failing("patch e", "KUBERNETES_NOT_FOUND", "gone");
    const busy = failing("patch f", "KUBERNETES_CONFLICT", "written");
    const { refused, untried } = await rehearse(send, [hook, gone, busy]);
    assert.deepEqual([refused, untried], [[], ['patch d: webhook "x" does not support dry run']]);
  });

  test("is tried again where the server was not to be had", async () => {
    const away = failing("patch g", "KUBERNETES_UNREACHABLE", "away", true);
    await assert.rejects(rehearse(send, [away]), { code: "KUBERNETES_UNREACHABLE" });
  });

  test("before the lock stops the run, naming the write", async () => {
    await assert.rejects(rehearseBeforeLock(send, [FINE, DENIED]), {
      code: "REHEARSAL_FAILED",
      message: /nothing is locked.*patch b: policy 'protect'/,
    });
    await rehearseBeforeLock(send, [FINE]);
  });
});
