import { type App, CfnOutput, Stack } from "aws-cdk-lib";
import { Artifacts } from "./constructs/artifacts.ts";
import { Bus } from "./constructs/bus.ts";
import { Encryption } from "./constructs/encryption.ts";
import { type FunctionCode, Functions } from "./constructs/functions.ts";
import { Network } from "./constructs/network.ts";
import { People } from "./constructs/people.ts";
import { WorkQueues } from "./constructs/queues.ts";
import { Schedules } from "./constructs/schedules.ts";
import { CheckpointTable } from "./constructs/table.ts";
import { Watch } from "./constructs/watch.ts";
import { outputsOf } from "./outputs.ts";
import type { StackConfig } from "./props.ts";

/** The engine on AWS. It is of no account or region until it is deployed. */
export class MigratorStack extends Stack {
  constructor(app: App, config: StackConfig, code: FunctionCode) {
    super(app, config.stackName, {
      description: "calico-migrator: takes Kubernetes clusters through Calico's migrations",
      terminationProtection: config.deletionProtection,
    });
    const { key } = new Encryption(this, "Encryption", config);
    const queues = new WorkQueues(this, "Queues", config, key);
    const schedules = new Schedules(this, "Schedules", { key, queues });
    const parts = {
      ...{ config, key, queues, schedules },
      table: new CheckpointTable(this, "Checkpoints", config, key).table,
      bucket: new Artifacts(this, "Artifacts", config, key).bucket,
      bus: new Bus(this, "Events", config, { key, queues }).bus,
      secretPrefix: `${config.stackName}/clusters/`,
    };
    const network = new Network(this, "Network", config);
    const functions = new Functions(this, "Functions", parts, { code, network }).byName;
    schedules.callEvery(config.wakeEveryMinutes, {
      wake: functions.wake,
      deadLetter: functions["dead-letter"],
    });
    const watch = new Watch(this, "Watch", parts, functions);
    const people = new People(this, "People", parts);
    for (const [name, value] of Object.entries(outputsOf(parts, { functions, people, watch }))) {
      new CfnOutput(this, name, { value });
    }
  }
}
