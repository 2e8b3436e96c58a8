import { Duration, Stack } from "aws-cdk-lib";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { type IQueue, Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { acknowledge } from "../nag.ts";
import { each, pascal, QUEUE_NAMES, type QueueName } from "../names.ts";
import { queueVisibilitySeconds, type StackConfig } from "../props.ts";

/** The longest that SQS keeps a message. */
const LONGEST_RETENTION = Duration.days(14);

const UNDELIVERED =
  "Messages end here that EventBridge could not deliver; an alarm watches the queue, and a person looks at them.";

/** A queue and where its messages end that nobody could handle. */
export interface QueuePair {
  readonly queue: Queue;
  readonly deadLetters: Queue;
}

/** The queues of work and of commands, and one for what EventBridge and Scheduler could not deliver to them. */
export class WorkQueues extends Construct {
  readonly pairs: Readonly<Record<QueueName, QueuePair>>;
  readonly undelivered: Queue;

  constructor(scope: Construct, id: string, config: StackConfig, key: IKey) {
    super(scope, id);
    const secured = {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: key,
      dataKeyReuse: Duration.hours(1),
      enforceSSL: true,
      retentionPeriod: LONGEST_RETENTION,
    };
    this.pairs = each(QUEUE_NAMES, (name) => {
      const deadLetters = new Queue(this, `${pascal(name)}DeadLetters`, {
        ...secured,
        queueName: `${queueName(this, name)}-dead-letters`,
        redriveAllowPolicy: { sourceQueues: [this.referenceTo(name)] },
      });
      const queue = new Queue(this, pascal(name), {
        ...secured,
        queueName: queueName(this, name),
        visibilityTimeout: Duration.seconds(queueVisibilitySeconds(config)),
        deadLetterQueue: { queue: deadLetters, maxReceiveCount: receivesOf(name, config) },
      });
      acknowledge(deadLetters, "Serverless-SQSRedrivePolicy", "A dead-letter queue is where messages end.");
      return { queue, deadLetters };
    });
    this.undelivered = new Queue(this, "Undelivered", {
      ...secured,
      queueName: queueName(this, "undelivered"),
    });
    acknowledge(this.undelivered, "AwsSolutions-SQS3", UNDELIVERED);
    acknowledge(this.undelivered, "Serverless-SQSRedrivePolicy", UNDELIVERED);
  }

  /** A queue by its name: it and its dead-letter queue name each other, which references could not. */
  private referenceTo(name: QueueName): IQueue {
    const queueArn = Stack.of(this).formatArn({ service: "sqs", resource: queueName(this, name) });
    return Queue.fromQueueArn(this, `${pascal(name)}ByName`, queueArn);
  }
}

function receivesOf(name: QueueName, { maxReceiveCount, commandReceiveCount }: StackConfig): number {
  return name === "commands" ? commandReceiveCount : maxReceiveCount;
}

function queueName(scope: Construct, name: string): string {
  return `${Stack.of(scope).stackName}-${name}`;
}
