import { type LocalStack, startLocalStack } from "../../harness/localstack/index.ts";
import { redirectDynamoDb, type WorkerFunction } from "../../rig/functions.ts";
import { Service } from "../../rig/service.ts";
import { type DynamoDbMeter, startDynamoDbMeter } from "./meter.ts";
import { CONCURRENCY } from "./modes.ts";

/** As the stack's defaults are, but for the concurrency, and for the lower log level of tests. */
const CONFIG = {
  logLevel: "INFO",
  batchConcurrency: CONCURRENCY.batches,
  clusterConcurrency: CONCURRENCY.requestsEach,
};

/** The deployed stack on a LocalStack, with a meter before the table that its functions use. */
export interface Bed {
  localStack: LocalStack;
  service: Service;
  meter: DynamoDbMeter;
  workers: readonly WorkerFunction[];
}

/** Deploys the stack, runs `body`, and ends everything. */
export async function withDeployedStack<T>(body: (bed: Bed) => Promise<T>): Promise<T> {
  const localStack = await startLocalStack({ local: true });
  try {
    const service = await Service.deploy(localStack, CONFIG);
    const meter = await startDynamoDbMeter(localStack.dynamoDbEndpoint ?? localStack.endpoint);
    try {
      const workers = await redirectDynamoDb(localStack, meter.endpoint);
      return await body({ localStack, service, meter, workers });
    } finally {
      await meter.stop();
    }
  } finally {
    // The stack goes with its LocalStack.
    await localStack.stop();
  }
}
