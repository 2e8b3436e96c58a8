import { join } from "node:path";
import { ensureDynamoDbJars, findJava } from "./localstack/java.ts";
import { freePort, listens } from "./ports.ts";
import { startServer } from "./processes.ts";
import { untilReady } from "./ready.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";

const MAIN_CLASS = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner";

/** A DynamoDB that keeps everything in memory; it accepts any credentials and keeps the data of each apart. */
export interface DynamoDbLocal {
  /** URL for clients; it listens on every interface, because it knows no other way. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * DynamoDB Local alone, without the rest of AWS (ready in 2 to 5 seconds once it is fetched).
 *
 * @throws MigratorError TEST_AWS_UNAVAILABLE without java or mvn, TEST_AWS_INSTALL_FAILED when Maven fails.
 */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  const [java, jars, port] = [await findJava(), await ensureDynamoDbJars(), await freePort()];
  const folder = temporaryFolder("dynamodb");
  const server = await startServer({
    name: "DynamoDB Local",
    path: java,
    args: [...javaArguments(jars, folder), "-port", String(port)],
    logFile: join(folder, "dynamodb.log"),
  });
  await untilReady(server, () => listens(port));
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: async () => {
      await server.end("SIGKILL");
      removeFolder(folder);
    },
  };
}

/** The arguments with which java runs DynamoDB Local in memory; `-port` is left to say, and `-sharedDb` where it is wanted. */
export function javaArguments(jars: string, folder: string): string[] {
  return [
    "-Xmx512m",
    `-Djava.io.tmpdir=${folder}`,
    `-Djava.library.path=${jars}`,
    "-cp",
    `${jars}/*`,
    MAIN_CLASS,
    "-inMemory",
    "-disableTelemetry",
  ];
}
