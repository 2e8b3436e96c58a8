import { openDynamoDbStore } from "../../shared/adapters/aws/dynamodb/index.ts";
import { EventBridgeSink } from "../../shared/adapters/aws/eventbridge/event-sink.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import { recordDeadLetter } from "../../shared/engine/dead-letter.ts";
import { busClient, queueClient, tableClient } from "../runtime/clients.ts";
import { entryPoint } from "../runtime/entry.ts";
import { DeadLetterEnvironment, readEnvironment } from "../runtime/environment.ts";
import { holderName } from "../runtime/holder.ts";
import { observedSink } from "../runtime/observed.ts";
import { deadLetterHandler } from "./handler.ts";
import { SqsDeadLetterQueues } from "./queues.ts";
import { DynamoDbSeen } from "./seen.ts";

const environment = readEnvironment(DeadLetterEnvironment);

/** Looks through the dead-letter queues and writes into the runs why they stopped. */
export const handler = await entryPoint((observers) => {
  const clock = new SystemClock();
  const client = tableClient();
  const { TABLE_NAME: tableName, HISTORY_DAYS: historyDays, LEASE_TTL_MS: leaseTtlMs } = environment;
  const store = openDynamoDbStore({ client, tableName, clock, historyDays });
  const sink = new EventBridgeSink({ eventBridge: busClient(), busName: environment.EVENT_BUS_NAME });
  const parts = { store, clock, events: observedSink(sink, observers), holder: holderName(), leaseTtlMs };
  const queues = new SqsDeadLetterQueues(queueClient(), {
    commands: environment.COMMANDS_DEAD_LETTER_QUEUE_URL,
    runs: environment.RUNS_DEAD_LETTER_QUEUE_URL,
    batches: environment.BATCHES_DEAD_LETTER_QUEUE_URL,
    rollbacks: environment.ROLLBACKS_DEAD_LETTER_QUEUE_URL,
  });
  const seen = new DynamoDbSeen({ client, tableName, clock });
  return deadLetterHandler({
    queues,
    seen,
    record: (letter) => recordDeadLetter(parts, letter),
    ...observers,
  });
});
