import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MigratorError } from "../errors.ts";
import { EtcdCompactedError, isCompacted, isTokenRefusal, toEtcdError, wasNeverExecuted } from "./errors.ts";

const NEVER_SENT = "14 UNAVAILABLE: No connection established. Last error: Error:";

const CASES: [says: string, code: string, retryable: boolean][] = [
  [`${NEVER_SENT} connect ECONNREFUSED 127.0.0.1:1. Resolution note: `, "ETCD_UNREACHABLE", true],
  ["14 UNAVAILABLE: Name resolution failed for target dns:ssl.example:2379", "ETCD_UNREACHABLE", true],
  ["14 UNAVAILABLE: Connection dropped", "ETCD_UNREACHABLE", true],
  ["13 INTERNAL: Received RST_STREAM with code 2 (Internal server error)", "ETCD_UNREACHABLE", true],
  ["1 CANCELLED: Call cancelled", "ETCD_UNREACHABLE", true],
  ["The etcd watch stream was unexpectedly ended", "ETCD_UNREACHABLE", true],
  ["4 DEADLINE_EXCEEDED: Deadline exceeded after 4.0s,Waiting for LB pick", "ETCD_UNREACHABLE", true],
  [
    `${NEVER_SENT} Client network socket disconnected before secure TLS connection was established.`,
    "ETCD_UNREACHABLE",
    true,
  ],
  ["4 DEADLINE_EXCEEDED: Deadline exceeded after 4.0s", "ETCD_TIMEOUT", true],
  ["14 UNAVAILABLE: etcdserver: request timed out", "ETCD_TIMEOUT", true],
  ["8 RESOURCE_EXHAUSTED: etcdserver: too many requests", "ETCD_TIMEOUT", true],
  ["14 UNAVAILABLE: etcdserver: no leader", "ETCD_NO_LEADER", true],
  ["14 UNAVAILABLE: etcdserver: leader changed", "ETCD_NO_LEADER", true],
  [`${NEVER_SENT} self-signed certificate in certificate chain.`, "ETCD_TLS", false],
  [
    `${NEVER_SENT} error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required`,
    "ETCD_TLS",
    false,
  ],
  [`${NEVER_SENT} unable to verify the first certificate.`, "ETCD_TLS", false],
  [`${NEVER_SENT} Hostname/IP does not match certificate's altnames: Host: x.`, "ETCD_TLS", false],
  ["3 INVALID_ARGUMENT: etcdserver: user name is empty", "ETCD_AUTH", false],
  ["3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password", "ETCD_AUTH", false],
  ["7 PERMISSION_DENIED: etcdserver: permission denied", "ETCD_AUTH", false],
  ["16 UNAUTHENTICATED: the login has expired", "ETCD_AUTH", false],
  ["8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded", "ETCD_FAILED", false],
  ["12 UNIMPLEMENTED: Received HTTP status code 404", "ETCD_FAILED", false],
  ["11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision", "ETCD_FAILED", false],
  ["3 INVALID_ARGUMENT: etcdserver: key is not provided", "ETCD_FAILED", false],
];

describe("toEtcdError", () => {
  for (const [says, code, retryable] of CASES) {
    it(`takes "${says.slice(0, 90)}" for ${code}`, () => {
      const error = toEtcdError(new Error(says), "https://etcd:2379");
      assert.deepEqual([error.code, error.retryable], [code, retryable]);
      assert.ok(error.message.startsWith("https://etcd:2379: "));
    });
  }

  it("tells the cause without gRPC's wrapping", () => {
    const { message } = toEtcdError(
      new Error(`${NEVER_SENT} connect ECONNREFUSED 1.2.3.4:1. Resolution note: `),
      "e",
    );
    assert.equal(message, "e: etcd cannot be reached (Error: connect ECONNREFUSED 1.2.3.4:1.)");
  });

  it("leaves the project's own errors as they are", () => {
    const error = new EtcdCompactedError(1, 5);
    assert.equal(toEtcdError(error, "e"), error);
    assert.deepEqual([error.code, error.compactRevision, error.retryable], ["ETCD_COMPACTED", 5, false]);
  });
});

describe("isCompacted", () => {
  it("recognises etcd's refusal of an old revision, wrapped or not", () => {
    const refusal = new Error("11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted");
    const wrapped = toEtcdError(refusal, "e");
    const summary = new MigratorError("X", "a; b", { next: "", cause: wrapped });
    assert.deepEqual([refusal, wrapped, summary].map(isCompacted), [true, true, true]);
    assert.equal(isCompacted(new Error("11 OUT_OF_RANGE: future revision")), false);
  });
});

describe("wasNeverExecuted", () => {
  it("is sure only of what never left this machine, and of what a leaderless member refused", () => {
    const sure = (says: string) => wasNeverExecuted(toEtcdError(new Error(says), "e"));
    assert.ok(sure(`${NEVER_SENT} connect ECONNREFUSED`));
    assert.ok(sure("14 UNAVAILABLE: etcdserver: no leader"));
    assert.ok(!sure("14 UNAVAILABLE: Connection dropped"));
    assert.ok(!sure("4 DEADLINE_EXCEEDED: Deadline exceeded after 4.0s"));
    assert.ok(
      !sure("14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure"),
    );
  });
});

describe("isTokenRefusal", () => {
  it("knows etcd's refusals of an old token from those of a user", () => {
    assert.ok(isTokenRefusal("etcdserver: invalid auth token"));
    assert.ok(isTokenRefusal("etcdserver: revision of auth store is old"));
    assert.ok(!isTokenRefusal("etcdserver: permission denied"));
  });
});
