import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EtcdClient } from "./client.ts";
import { Failover } from "./failover.ts";
import { advice } from "../testing/advice/refused.ts";

/** What gRPC or etcd says until what is advised has been done; the same call is answered then. */
const FAILURES: [code: string, cause: string, next: RegExp, says: string][] = [
  ["ETCD_NO_LEADER", "there is a leader", /^Try again; if it lasts/, "14 UNAVAILABLE: etcdserver: no leader"],
  [
    "ETCD_UNREACHABLE",
    "the endpoint is right, and connects",
    /^Check the endpoints \(http or https, host and port\), that etcd runs/,
    "4 DEADLINE_EXCEEDED: Deadline exceeded after 4.0s,Waiting for LB pick",
  ],
  [
    "ETCD_UNREACHABLE",
    "etcd runs",
    /^Check the endpoints .*, that etcd runs, and that this machine may reach it/,
    "14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1",
  ],
  [
    "ETCD_TIMEOUT",
    "etcd is well",
    /^Try again; if it lasts/,
    "14 UNAVAILABLE: etcdserver: request timed out",
  ],
  [
    "ETCD_AUTH",
    "the user's password and roles are right",
    /^Check the user name, the password file and the roles of the user/,
    "7 PERMISSION_DENIED: etcdserver: permission denied",
  ],
  [
    "ETCD_TLS",
    "the certificates fit",
    /--etcd-ca, --etcd-cert, --etcd-key, --etcd-server-name/,
    "14 UNAVAILABLE: No connection established. Last error: self-signed certificate",
  ],
  [
    "ETCD_FAILED",
    "the endpoint is etcd's",
    /^Check the endpoints/,
    "12 UNIMPLEMENTED: Received HTTP status code 404",
  ],
  [
    "ETCD_FAILED",
    "etcd has space, and its alarm is disarmed",
    /^Compact and defragment etcd, then disarm its NOSPACE alarm/,
    "8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded",
  ],
  [
    "ETCD_FAILED",
    "what etcd says is mended",
    /^Look at the message of etcd and at its log/,
    "3 INVALID_ARGUMENT: etcdserver: key is not provided",
  ],
];

describe("a call of etcd", () => {
  for (const [code, cause, next, says] of FAILURES)
    it(`${code} is over once ${cause}`, async () => {
      const world = { says };
      const target = { url: "https://etcd:2379", ready: () => Promise.resolve() };
      const call = () =>
        new Failover([target], 300).run("once", () =>
          world.says === "" ? Promise.resolve("done") : Promise.reject(new Error(world.says)),
        );
      assert.match(await advice(call(), code), next);
      world.says = "";
      assert.equal(await call(), "done");
    });

  it("ETCD_UNREACHABLE for names that lead nowhere is over once they are corrected, or known", async () => {
    const connect = (host: string, addresses: ReadonlyMap<string, readonly string[]>) => {
      EtcdClient.connect({ endpoints: [`https://${host}:2379`] }, { addresses }).close();
      return Promise.resolve("connected");
    };
    const asked = Promise.resolve().then(() => connect("ectd.example", new Map()));
    assert.equal(
      await advice(asked, "ETCD_UNREACHABLE"),
      "Correct the endpoints, or the DNS of where this runs.",
    );
    assert.equal(
      await connect("etcd.example", new Map([["https://etcd.example:2379", ["10.0.0.1"]]])),
      "connected",
    );
  });
});
