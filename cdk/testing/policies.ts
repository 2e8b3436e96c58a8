import type { Template } from "aws-cdk-lib/assertions";
import { z } from "zod";
import { readable } from "../readable.ts";

const listOf = <T extends z.ZodType>(item: T) => z.union([z.array(item), item.transform((one) => [one])]);

const Statement = z.object({
  Effect: z.enum(["Allow", "Deny"]),
  Action: listOf(z.string()),
  Resource: listOf(z.unknown()),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});

const Policy = z.object({
  Properties: z.object({
    PolicyDocument: z.object({ Statement: z.array(Statement) }),
    Roles: z.array(z.unknown()).optional(),
  }),
});

/** What the statements of a policy say, a line each: actions, resources, conditions. */
export type PolicyLines = string[];

/** The policies of roles (by the role's name in the construct tree) and managed policies, as lines to compare. */
export function policiesOf(template: Template): Record<string, PolicyLines> {
  const inline = Object.values(template.findResources("AWS::IAM::Policy")).map((resource) => {
    const policy = Policy.parse(resource);
    return [nameOf(policy.Properties.Roles?.[0]), linesOf(policy)] as const;
  });
  const managed = Object.entries(template.findResources("AWS::IAM::ManagedPolicy")).map(
    ([logicalId, resource]) => [withoutHash(logicalId), linesOf(Policy.parse(resource))] as const,
  );
  return Object.fromEntries([...inline, ...managed]);
}

function linesOf({ Properties: { PolicyDocument } }: z.output<typeof Policy>): PolicyLines {
  return PolicyDocument.Statement.map(({ Effect, Action, Resource, Condition }) => {
    const actions = Action.toSorted().join(", ");
    const resources = Resource.map(nameOf).join(", ");
    const conditions = Object.entries(Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, value]) => ` if ${operator} ${key} ${valueOf(value)}`),
    );
    return `${Effect === "Deny" ? "never " : ""}${actions} on ${resources}${conditions.join("")}`;
  });
}

function valueOf(value: unknown): string {
  return (Array.isArray(value) ? value : [value]).map(nameOf).join(" or ");
}

/** Without what CloudFormation fills in and what CDK appends to logical ids. */
function nameOf(value: unknown): string {
  return readable(value)
    .replace("arn:<AWS::Partition>:", "arn:")
    .replace(":<AWS::Region>:<AWS::AccountId>:", "::")
    .replace(".<AWS::Region>.amazonaws.com", "")
    .replaceAll(/<(\w+)\.Arn>/g, (_, id: string) => withoutHash(id))
    .replaceAll(/<([A-Z]\w+)>/g, (_, id: string) => withoutHash(id));
}

function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, "");
}
