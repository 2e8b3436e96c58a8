import { openDynamoDbStore } from "../../shared/adapters/aws/dynamodb/index.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine } from "../../shared/engine/engine.ts";
import { queueClient, tableClient } from "../runtime/clients.ts";
import { entryPoint } from "../runtime/entry.ts";
import { readEnvironment, WakeEnvironment } from "../runtime/environment.ts";
import { holderName } from "../runtime/holder.ts";
import { NEVER_LATER } from "../runtime/later.ts";
import { senderFor } from "../runtime/sender.ts";
import { wakeHandler } from "./handler.ts";
import { UNUSED } from "./unused.ts";

const environment = readEnvironment(WakeEnvironment);

/** Wakes the runs whose time has come, for messages that were lost or could not wait so long. */
export const handler = await entryPoint((observers) => {
  const clock = new SystemClock();
  const { TABLE_NAME: tableName, HISTORY_DAYS: historyDays, LEASE_TTL_MS: leaseTtlMs } = environment;
  const store = openDynamoDbStore({ client: tableClient(), tableName, clock, historyDays });
  const queue = senderFor(environment, { sqs: queueClient(), later: NEVER_LATER, hops: 0 });
  const settings = { holder: holderName(), leaseTtlMs, busyDelayMs: 0, retry: DEFAULT_RETRY };
  const engine = new Engine({ store, queue, clock, ...UNUSED }, settings, []);
  const removeEndedRuns = store.removeEndedRuns.bind(store);
  const oldestLock = store.oldestLock.bind(store);
  return wakeHandler({ store, engine, clock, oldestLock, removeEndedRuns, ...observers });
});
