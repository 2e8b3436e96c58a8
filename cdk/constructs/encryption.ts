import { Stack } from "aws-cdk-lib";
import { Effect, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { type IKey, Key } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { StackConfig } from "../props.ts";
import { removalPolicyOf } from "../removal.ts";

/**
 * The customer-managed key of everything that the stack stores: table, artifacts, queues, events, logs, alarms, secrets.
 *
 * A key that is given by its ARN keeps its own policy. It has to let the account's IAM policies decide, as the default
 * policy does, and what {@link servicesUsing} says for the services that come without a role of the stack.
 */
export class Encryption extends Construct {
  readonly key: IKey;

  constructor(scope: Construct, id: string, config: StackConfig) {
    super(scope, id);
    if (config.kmsKeyArn === undefined) this.key = this.create(config);
    else this.key = Key.fromKeyArn(this, "Key", config.kmsKeyArn);
  }

  private create(config: StackConfig): Key {
    const stack = Stack.of(this);
    const key = new Key(this, "Key", {
      description: `${stack.stackName}: data of Calico migrations`,
      enableKeyRotation: true,
      removalPolicy: removalPolicyOf(config),
    });
    for (const statement of servicesUsing(stack)) key.addToResourcePolicy(statement);
    return key;
  }
}

function servicesUsing(stack: Stack): PolicyStatement[] {
  const ofThisAccount = { StringEquals: { "aws:SourceAccount": stack.account } };
  const logGroups = stack.formatArn({
    service: "logs",
    resource: `log-group:${stack.stackName}-*`,
  });
  return [
    statement("LogGroups", `logs.${stack.region}.amazonaws.com`, {
      ArnLike: { "kms:EncryptionContext:aws:logs:arn": logGroups },
    }),
    statement("AlarmsToTheTopic", "cloudwatch.amazonaws.com", ofThisAccount),
    statement("CommandsToTheQueues", "events.amazonaws.com", ofThisAccount),
  ];
}

function statement(
  sid: string,
  service: string,
  conditions: Record<string, Record<string, string>>,
): PolicyStatement {
  return new PolicyStatement({
    sid,
    effect: Effect.ALLOW,
    principals: [new ServicePrincipal(service)],
    actions: [
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
      "kms:DescribeKey",
    ],
    resources: ["*"],
    conditions,
  });
}
