import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWork, workBetween } from "./api-server.ts";

const METRICS = `
# HELP apiserver_request_duration_seconds [STABLE] Response latency
apiserver_request_duration_seconds_bucket{group="crd.projectcalico.org",verb="POST",le="0.005"} 7
apiserver_request_duration_seconds_sum{group="crd.projectcalico.org",resource="ippools",verb="POST"} 0.25
apiserver_request_duration_seconds_count{group="crd.projectcalico.org",resource="ippools",verb="POST"} 10
apiserver_request_duration_seconds_sum{group="projectcalico.org",resource="ippools",verb="LIST"} 5e-01
apiserver_request_duration_seconds_count{group="projectcalico.org",resource="ippools",verb="LIST"} 2
apiserver_request_duration_seconds_sum{group="crd.projectcalico.org",resource="ippools",verb="WATCH"} 60
apiserver_request_duration_seconds_count{group="crd.projectcalico.org",resource="ippools",verb="WATCH"} 1
apiserver_request_duration_seconds_sum{group="coordination.k8s.io",resource="leases",verb="PUT"} 3
apiserver_request_duration_seconds_count{group="coordination.k8s.io",resource="leases",verb="PUT"} 4
process_cpu_seconds_total 12.5
`;

test("the work is that for Calico's resources, without watches and the server's own requests", () => {
  assert.deepEqual(parseWork(METRICS), { requests: 12, requestMs: 750, cpuMs: 12_500 });
});

test("a migration's work is what came between two readings", () => {
  const before = { requests: 5, requestMs: 10, cpuMs: 100 };
  const after = { requests: 15, requestMs: 40, cpuMs: 400 };
  assert.deepEqual(workBetween(before, after), { requests: 10, requestMs: 30, cpuMs: 300 });
});
