import type { Table } from "aws-cdk-lib/aws-dynamodb";
import type { EventBus } from "aws-cdk-lib/aws-events";
import type { Role } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import type { ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import type { StackConfig } from "../props.ts";
import type { WorkQueues } from "./queues.ts";

/** What the functions work with. */
export interface StackParts {
  readonly config: StackConfig;
  readonly key: IKey;
  readonly table: Table;
  readonly bucket: Bucket;
  readonly queues: WorkQueues;
  readonly bus: EventBus;
  readonly schedules: { readonly group: ScheduleGroup; readonly role: Role };
  /** The secret of a cluster is named this with the cluster's name. */
  readonly secretPrefix: string;
}
