import type { Followed } from "./errors.ts";

const FOLLOWED_THERE = "shared/adapters/aws/followed-advice.test.ts";
const CONNECTIONS = "shared/adapters/aws/secrets/connections.test.ts";
const REGISTRY = "shared/adapters/embedded/clusters.test.ts";
const RUN_LISTS = "shared/engine/contract/runs.contract.ts";

/** Errors of the stores, and of AWS. */
export const ADAPTERS: Followed = {
  "shared/adapters/aws/calls/failure.ts AWS_UNAVAILABLE": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/calls/failure.ts AWS_REFUSED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/calls/failure.ts AWS_DENIED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/dynamodb/errors.ts STORE_BUSY": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/dynamodb/errors.ts STORE_UNREACHABLE": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/dynamodb/errors.ts STORE_NOT_FOUND": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/dynamodb/errors.ts STORE_DENIED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/adapters/aws/dynamodb/errors.ts RECORD_TOO_LARGE": [
    FOLLOWED_THERE,
    "RECORD_TOO_LARGE is over once what it records is smaller",
  ],
  "shared/adapters/aws/dynamodb/run-list.ts CURSOR_INVALID": [
    RUN_LISTS,
    "without one it is listed from the start",
  ],
  "shared/adapters/aws/s3/download.ts ARTIFACT_REPLACED": [
    FOLLOWED_THERE,
    "ARTIFACT_REPLACED is over once it is read again",
  ],
  "shared/adapters/aws/s3/names.ts ARTIFACT_NAME_INVALID": [
    FOLLOWED_THERE,
    "ARTIFACT_NAME_INVALID is over with another name",
  ],
  "shared/adapters/aws/secrets/cluster-secret.ts CLUSTER_SECRET_INVALID": [
    FOLLOWED_THERE,
    "CLUSTER_SECRET_INVALID is over once it is written again",
  ],
  "shared/adapters/aws/secrets/connections.ts CLUSTER_SECRET_REFUSED": [
    CONNECTIONS,
    "of an EKS cluster that refuses the functions say what the cluster lacks, not which secret",
  ],
  "shared/adapters/aws/secrets/connections.ts CLUSTER_SECRET_REFUSED 2": [
    CONNECTIONS,
    "wait for a new secret when the cluster refuses the old one, and take it at once",
  ],
  "shared/adapters/aws/secrets/eks-tokens.ts EKS_CREDENTIALS": [
    FOLLOWED_THERE,
    "EKS_CREDENTIALS is over once there are credentials, or the role can be assumed",
  ],
  "shared/adapters/aws/secrets/errors.ts CLUSTER_SECRET_DENIED": [FOLLOWED_THERE, "is over once that is so"],
  "shared/adapters/aws/secrets/errors.ts CLUSTER_SECRET_UNREACHABLE": [
    FOLLOWED_THERE,
    "is over once that is so",
  ],
  "shared/adapters/aws/secrets/errors.ts CLUSTER_SECRET_NOT_FOUND": [
    FOLLOWED_THERE,
    "CLUSTER_SECRET_NOT_FOUND is over once the cluster is added",
  ],
  "shared/adapters/aws/secrets/open-cluster.ts ETCD_NOT_CONFIGURED": [
    "infra-tests/cluster-secrets.infra.test.ts",
    "on EKS are asked with a token for each moment, and with a new one after a refusal",
  ],
  "shared/adapters/aws/secrets/writer.ts CLUSTER_NAME_INVALID": [
    FOLLOWED_THERE,
    "CLUSTER_SECRET_TOO_LARGE and CLUSTER_NAME_INVALID are over with less, and with another name",
  ],
  "shared/adapters/aws/secrets/writer.ts CLUSTER_SECRET_TOO_LARGE": [
    FOLLOWED_THERE,
    "CLUSTER_SECRET_TOO_LARGE and CLUSTER_NAME_INVALID are over with less, and with another name",
  ],
  "shared/adapters/cluster-errors.ts CLUSTER_EXISTS": [
    REGISTRY,
    "replaces a cluster only when it is told to",
  ],
  "shared/adapters/cluster-errors.ts CLUSTER_NOT_FOUND": [
    "cli/commands/clusters/clusters-aws.test.ts",
    "clusters remove --aws forgets the cluster and lets its secret go",
  ],
  "shared/adapters/cluster-errors.ts CLUSTER_INVALID": [REGISTRY, "without repeating it, until it is mended"],
  "shared/adapters/embedded/errors.ts STORE_NOT_OURS": [
    "cli/followed-advice.test.ts",
    "for it is none (STORE_NOT_OURS): another file serves, and that one is left as it is",
  ],
  "shared/adapters/embedded/errors.ts STORE_ON_NETWORK": [
    "cli/store.test.ts",
    "goes on from a local disk, as the error says",
  ],
  "shared/adapters/embedded/errors.ts STORE_COPIED": [
    "cli/store.test.ts",
    "does not go on with a run, until a person says that the first one is used no more",
  ],
  "shared/adapters/embedded/errors.ts STORE_CORRUPT": [
    "cli/followed-advice.test.ts",
    "for it is damaged (STORE_CORRUPT): a copy from before goes on with the run",
  ],
  "shared/adapters/embedded/runs.ts CURSOR_INVALID": [RUN_LISTS, "without one it is listed from the start"],
};
