import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { openDynamoDbClusters, type RegisteredCluster } from "./index.ts";

const east: RegisteredCluster = {
  name: "east",
  server: "https://10.0.0.1:6443",
  secretArn: "arn:aws:secretsmanager:eu-west-1:000000000000:secret:calico-migrator/clusters/east-AbCdEf",
};

const EKS = {
  clusterName: "east-1",
  region: "eu-west-1",
  endpoint: "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
  certificateAuthorityData: "Q0E=",
};

describe("what is wrong with a cluster", () => {
  // Nothing listens there: whatever were sent would fail otherwise.
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint: "http://127.0.0.1:1", region: "eu-west-1" }),
  );
  const clusters = openDynamoDbClusters({ client, tableName: "table" });

  for (const [field, cluster] of Object.entries<object>({
    name: { ...east, name: "a b" },
    "labels.tier": { ...east, labels: { tier: 1 } },
    server: { ...east, server: "https://root:secret@10.0.0.1" },
    "etcdEndpoints.1": { ...east, etcdEndpoints: ["https://a:2379", "etcd://secret"] },
    secretArn: { ...east, secretArn: "secret" },
    "eks.region": { ...east, secretArn: undefined, eks: { ...EKS, region: "secret" } },
    token: { ...east, token: "secret" },
  })) {
    test(`is told of ${field}, without its value, before anything is written`, async () => {
      await assert.rejects(clusters.add(cluster as RegisteredCluster), (error: Error) => {
        assert.equal("code" in error && error.code, "CLUSTER_INVALID");
        assert.ok(error.message.includes(field), error.message);
        return !error.message.replaceAll(field, "").replace("ARN of a secret", "").includes("secret");
      });
    });
  }

  for (const [what, cluster] of [
    ["neither", { ...east, secretArn: undefined }],
    ["both", { ...east, eks: EKS }],
  ] as const) {
    test(`is told of a cluster with ${what} of a secret and an EKS cluster`, () =>
      assert.rejects(clusters.add(cluster as RegisteredCluster), { code: "CLUSTER_INVALID" }));
  }
});
