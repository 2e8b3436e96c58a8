import { Duration } from "aws-cdk-lib";
import {
  type Code,
  EventSourceMapping,
  type Function as LambdaFunction,
  type FunctionOptions,
  RecursiveLoop,
} from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import { DUTIES } from "../function-table.ts";
import { acknowledge } from "../nag.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../functions/bundle.ts";
import { each, pascal, type QueueName } from "../names.ts";
import type { StackConfig } from "../props.ts";
import { acknowledgePatterns, acknowledgeResource } from "../wildcards.ts";
import { MigratorFunction } from "./function.ts";
import type { Network } from "./network.ts";
import type { StackParts } from "./parts.ts";

/** Where the code of each function comes from. */
export type FunctionCode = (name: FunctionName) => Code;

/** The functions, and the mappings that hand them the messages of their queues. */
export class Functions extends Construct {
  readonly byName: Readonly<Record<FunctionName, LambdaFunction>>;

  constructor(
    scope: Construct,
    id: string,
    parts: StackParts,
    given: { code: FunctionCode; network: Network },
  ) {
    super(scope, id);
    this.byName = each(FUNCTION_NAMES, (name) => {
      const { takes } = DUTIES[name];
      const material = { parts, network: given.network, code: given.code(name) };
      const calls = takes === undefined ? sweeping(parts.config) : working(takes, parts.config);
      const { lambda } = new MigratorFunction(this, pascal(name), name, { ...material, calls });
      if (takes === undefined) acknowledgeSweep(lambda);
      else this.feed(lambda, takes, parts);
      return lambda;
    });
    acknowledgePatterns(this, parts);
    acknowledgeResource(
      this,
      "*",
      "X-Ray, and network interfaces in a VPC, know no permissions on single resources.",
    );
  }

  /** One message at a time: several would share one time budget and, when the function dies, one fate. */
  private feed(lambda: LambdaFunction, takes: readonly QueueName[], { config, queues }: StackParts): void {
    for (const name of takes) {
      const mapping = new EventSourceMapping(this, `${pascal(name)}Mapping`, {
        target: lambda,
        eventSourceArn: queues.pairs[name].queue.queueArn,
        batchSize: 1,
        reportBatchItemFailures: true,
        maxConcurrency: concurrencyOf(name, config),
      });
      acknowledge(mapping, "Serverless-LambdaEventSourceMappingDestination", REDRIVEN);
    }
    acknowledge(lambda, "Serverless-LambdaDLQ", REDRIVEN);
  }
}

const REDRIVEN =
  "SQS has no failure destination: the queue's redrive policy moves what fails to its dead-letter queue.";
const CALLED_AGAIN =
  "The next call does what a failed one did not; an alarm tells when calls fail or stay away.";

function acknowledgeSweep(lambda: LambdaFunction): void {
  acknowledge(lambda, "Serverless-LambdaDLQ", CALLED_AGAIN);
  acknowledge(lambda, "Serverless-LambdaAsyncFailureDestination", CALLED_AGAIN);
}

/**
 * Functions that feed their own queue are what Lambda takes for a runaway loop; a hop budget stands guard instead. What is
 * reserved is enough for all of its queues at once, so that none waits for another.
 */
function working(takes: readonly QueueName[], config: StackConfig): FunctionOptions {
  const concurrency = takes.reduce((sum, name) => sum + concurrencyOf(name, config), 0);
  return {
    timeout: Duration.seconds(config.functionTimeoutSeconds),
    recursiveLoop: RecursiveLoop.ALLOW,
    ...(config.reserveConcurrency && { reservedConcurrentExecutions: concurrency }),
  };
}

/** Never two at once, and none late: the next call comes within a minute. */
function sweeping(config: StackConfig): FunctionOptions {
  return {
    timeout: Duration.seconds(60),
    retryAttempts: 0,
    maxEventAge: Duration.seconds(60),
    ...(config.reserveConcurrency && { reservedConcurrentExecutions: 1 }),
  };
}

function concurrencyOf(name: QueueName, config: StackConfig): number {
  return {
    commands: config.commandConcurrency,
    runs: config.runConcurrency,
    batches: config.batchConcurrency,
    rollbacks: config.rollbackConcurrency,
  }[name];
}
