import { CloudFormationClient } from "@aws-sdk/client-cloudformation";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { OBJECT_TIME_OUTS, REQUEST_TIME_OUTS } from "../../shared/adapters/aws/calls/time-outs.ts";
import type { AwsTarget } from "../target.ts";
import { clearAwsError } from "./errors.ts";

/** The clients of one command. */
export interface AwsClients {
  cloudFormation: CloudFormationClient;
  dynamo: DynamoDBClient;
  s3: S3Client;
  events: EventBridgeClient;
  secrets: SecretsManagerClient;
  close: () => void;
}

/** Makes the clients, which find credentials, region and endpoints as AWS's own tools do, and say clearly what they lack. */
export function openClients(
  { region, credentialsProfile }: AwsTarget,
  env: Readonly<Record<string, string | undefined>>,
): AwsClients {
  const settings = {
    maxAttempts: 4,
    requestHandler: REQUEST_TIME_OUTS,
    ...(region === undefined ? {} : { region }),
    ...(credentialsProfile === undefined ? {} : { profile: credentialsProfile }),
  };
  // A bucket is no host name where all of AWS is behind one endpoint.
  const forcePathStyle = Boolean(env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"]);
  const clients = {
    cloudFormation: new CloudFormationClient(settings),
    dynamo: new DynamoDBClient(settings),
    s3: new S3Client({ ...settings, requestHandler: OBJECT_TIME_OUTS, forcePathStyle }),
    events: new EventBridgeClient(settings),
    secrets: new SecretsManagerClient(settings),
  };
  makeClear("cloudformation", clients.cloudFormation);
  makeClear("dynamodb", clients.dynamo);
  makeClear("s3", clients.s3);
  makeClear("events", clients.events);
  makeClear("secretsmanager", clients.secrets);
  return {
    ...clients,
    close: () => {
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

/** What a middleware around a whole call looks like, whatever the call says and answers. */
type Around = (
  next: (args: unknown) => Promise<unknown>,
  context: { commandName?: string },
) => (args: unknown) => Promise<unknown>;

/** The part of every client that takes middleware; each client types it by its own commands. */
interface Interceptable {
  middlewareStack: { add: (middleware: never, options: never) => void };
}

/** Turns what a client throws into what a person can act on; around everything else, so that credentials are included. */
function makeClear(service: string, client: Interceptable): void {
  const middleware: Around = (next, { commandName = "" }) => {
    const call = { service, operation: commandName.replace(/Command$/, "") };
    return (args) =>
      next(args).catch((error: unknown) => {
        throw clearAwsError(error, call);
      });
  };
  const place = { step: "initialize", name: "clearErrors", priority: "high" };
  client.middlewareStack.add(middleware as never, place as never);
}
