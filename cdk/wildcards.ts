import { Stack } from "aws-cdk-lib";
import type { IConstruct } from "constructs";
import { BACKUP_PATTERN, MANIFEST_PREFIX, PLAN_PREFIX, STAGING_PREFIX } from "./constructs/artifacts.ts";
import type { StackParts } from "./constructs/parts.ts";
import { acknowledge } from "./nag.ts";
import { clusterSecretArns, scheduleArns } from "./permissions.ts";
import { readable } from "./readable.ts";

/** Says, for each pattern of resources in the policies below a construct, why it is one. */
export function acknowledgePatterns(construct: IConstruct, parts: StackParts): void {
  const { bucket, schedules } = parts;
  const patterns: [arn: string, reason: string][] = [
    [bucket.arnForObjects("*"), "Artifacts are named after runs, which do not exist yet."],
    [bucket.arnForObjects(`${STAGING_PREFIX}*`), "Unfinished artifacts have random names below staging/."],
    [bucket.arnForObjects(`${MANIFEST_PREFIX}*`), "Manifests are named after their hash."],
    [bucket.arnForObjects(`${PLAN_PREFIX}*`), "Plans are named after their hash."],
    [bucket.arnForObjects(BACKUP_PATTERN), "Backups are named after the runs that made them."],
    [
      clusterSecretArns(parts),
      "Clusters are registered after the deployment; only their secrets have this prefix.",
    ],
    [
      scheduleArns(schedules.group),
      "One-off schedules are named after runs; this group holds this stack's only.",
    ],
  ];
  for (const [arn, reason] of patterns) acknowledgeResource(construct, arn, reason);
}

/** Says why policies below a construct name a resource that is a pattern. */
export function acknowledgeResource(construct: IConstruct, arn: string, reason: string): void {
  const resource = readable(Stack.of(construct).resolve(arn));
  acknowledge(construct, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
}
