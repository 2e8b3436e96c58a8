import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { openDynamoDbClusters, openDynamoDbStore } from "../../shared/adapters/aws/dynamodb/index.ts";
import { S3ArtifactStore } from "../../shared/adapters/aws/s3/artifact-store.ts";
import { deleteClusterSecret, putClusterSecret } from "../../shared/adapters/aws/secrets/writer.ts";
import { type AwsClients, openClients } from "./clients.ts";
import { readOutputs, type StackOutputs } from "./outputs.ts";
import { probeSecret } from "./probe.ts";
import { publishCommand } from "./publish.ts";
import { serverRules } from "./server-rules.ts";
import type { ClusterSecrets, OpenAws } from "./stack.ts";

/** Only writes use it, and the command line writes no history. */
const HISTORY_DAYS = 1;

/** See {@link OpenAws}. */
export const openAws: OpenAws = async (target, world) => {
  const clients = openClients(target, world.env);
  const outputs = await readOutputs(clients.cloudFormation, target.stack);
  const { clock } = world;
  const client = DynamoDBDocumentClient.from(clients.dynamo);
  const table = { client, tableName: outputs.TableName };
  return {
    store: openDynamoDbStore({ ...table, clock, historyDays: HISTORY_DAYS }),
    clusters: openDynamoDbClusters(table),
    artifacts: new S3ArtifactStore({ s3: clients.s3, bucket: outputs.ArtifactBucketName }),
    secrets: clusterSecrets(clients, outputs, world),
    publish: (command) =>
      publishCommand({ events: clients.events, bus: outputs.EventBusName, clock }, command),
    close: clients.close,
  };
};

function clusterSecrets(
  { secrets }: Pick<AwsClients, "secrets">,
  { ClusterSecretPrefix: prefix, ClusterSecretKeyArn: kmsKeyId }: StackOutputs,
  world: Parameters<OpenAws>[1],
): ClusterSecrets {
  const rules = serverRules(world);
  const settings = { clock: world.clock, userAgent: `calico-migrator/${world.version}`, rules };
  return {
    put: (name, secret) => putClusterSecret({ secrets, prefix, kmsKeyId, name, secret, rules }),
    delete: (name) => deleteClusterSecret({ secrets, prefix, name }),
    probe: (name, secret) => probeSecret(`${prefix}${name}`, secret, settings),
  };
}
