import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { REQUEST_TIME_OUTS } from "../../shared/adapters/aws/calls/time-outs.ts";
import { openDynamoDbClusters, openDynamoDbStore } from "../../shared/adapters/aws/dynamodb/index.ts";
import { SecretsManagerConnections } from "../../shared/adapters/aws/secrets/connections.ts";
import { eksCredentials } from "../../shared/adapters/aws/secrets/eks-credentials.ts";
import { EksTokens } from "../../shared/adapters/aws/secrets/eks-tokens.ts";
import type { LaterSender } from "../../shared/adapters/aws/sqs/later-sender.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { CheckpointStore, Clock, EventSink } from "../../shared/engine/ports.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { MIGRATIONS } from "../../shared/migrations/registry.ts";
import { type Asked, onceStore } from "./asked.ts";
import { bucketArtifacts } from "./artifacts.ts";
import { queueClient, tableClient } from "./clients.ts";
import type { BatchEnvironment } from "./environment.ts";
import { holderName } from "./holder.ts";
import { observedSink, observedStore } from "./observed.ts";
import type { Observers } from "./ports.ts";
import type { QueueParts } from "./queue-handler.ts";
import { redactedStore } from "./redacted-store.ts";
import { senderFor } from "./sender.ts";
import { type QueueUrls, visibilityBy } from "./visibility.ts";

/** What differs between the functions that work on runs. */
interface WorkerRoles extends Observers {
  /** The queues that feed the function. */
  queueUrls: QueueUrls;
  events: EventSink;
  later: LaterSender;
}

/** What handles messages, and what commands need besides. */
export interface Worker {
  parts: QueueParts<ClusterConnections>;
  store: CheckpointStore;
  clock: Clock;
}

/** After how long a run that another worker holds is looked at again. */
const BUSY_DELAY_MS = 2_000;

/** Puts together what the functions `run`, `batch` and `rollback` share. */
export function assembleWorker(environment: BatchEnvironment, roles: WorkerRoles): Worker {
  const clock = new SystemClock();
  const sqs = queueClient();
  const { TABLE_NAME: tableName, HISTORY_DAYS: historyDays } = environment;
  const table = openDynamoDbStore({ client: tableClient(), tableName, clock, historyDays });
  const store = observedStore(redactedStore(table, roles.redact), roles);
  const ports = {
    store,
    clock,
    artifacts: bucketArtifacts(environment.ARTIFACT_BUCKET),
    events: observedSink(roles.events, roles),
    connections: openConnections(environment, clock, roles),
  };
  const settings = {
    holder: holderName(),
    leaseTtlMs: environment.LEASE_TTL_MS,
    busyDelayMs: BUSY_DELAY_MS,
    retry: DEFAULT_RETRY,
  };
  const engineFor = (hops: number, asked?: Asked): Engine<ClusterConnections> => {
    const queue = senderFor(environment, { sqs, later: roles.later, hops });
    const stored = asked === undefined ? store : onceStore(store, asked);
    return new Engine({ ...ports, store: stored, queue }, settings, MIGRATIONS);
  };
  const visibility = visibilityBy({
    sqs,
    queueUrls: roles.queueUrls,
    visibilityMs: environment.MESSAGE_VISIBILITY_MS,
  });
  const { log, meter } = roles;
  return { store, clock, parts: { engineFor, visibility, hopBudget: environment.HOP_BUDGET, log, meter } };
}

function openConnections(
  environment: BatchEnvironment,
  clock: SystemClock,
  { learn, forget }: Observers,
): SecretsManagerConnections {
  const clusters = openDynamoDbClusters({ client: tableClient(), tableName: environment.TABLE_NAME });
  return new SecretsManagerConnections({
    eks: async (cluster) => (await clusters.get(cluster))?.eks,
    secrets: new SecretsManagerClient({ requestHandler: REQUEST_TIME_OUTS }),
    prefix: environment.CLUSTER_SECRET_PREFIX,
    clock,
    concurrency: environment.CLUSTER_CONCURRENCY,
    userAgent: "calico-migrator",
    eksToken: new EksTokens(eksCredentials(), clock).token,
    learn,
    forget,
    allowedServers: environment.ALLOWED_SERVERS,
    allowLoopback: environment.ALLOW_LOOPBACK_SERVERS,
  });
}
