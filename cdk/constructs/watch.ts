import { ArnFormat, Stack } from "aws-cdk-lib";
import type { Dashboard } from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { PolicyStatement } from "aws-cdk-lib/aws-iam";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";
import { allow } from "../permissions.ts";
import { acknowledge } from "../nag.ts";
import type { FunctionName } from "../../functions/bundle.ts";
import { Alarms } from "./alarms.ts";
import { createDashboard } from "./dashboard.ts";
import type { StackParts } from "./parts.ts";

/** Alarms, whom they tell, and the dashboard. */
export class Watch extends Construct {
  readonly topic: ITopic;
  readonly dashboard: Dashboard;

  constructor(
    scope: Construct,
    id: string,
    parts: StackParts,
    functions: Readonly<Record<FunctionName, LambdaFunction>>,
  ) {
    super(scope, id);
    this.topic = this.topicOf(parts);
    const { all } = new Alarms(this, "Alarms", parts, { functions, topic: this.topic });
    this.dashboard = createDashboard(this, parts, { functions, alarms: all });
  }

  private topicOf({ config, key }: StackParts): ITopic {
    if (config.alarmTopicArn !== undefined) return Topic.fromTopicArn(this, "Topic", config.alarmTopicArn);
    const topic = new Topic(this, "Topic", { masterKey: key, enforceSSL: true });
    topic.addToResourcePolicy(alarmsPublish(topic));
    if (config.alarmEmail !== undefined) {
      const subscription = topic.addSubscription(new EmailSubscription(config.alarmEmail));
      const reason =
        "A mail that cannot be delivered is lost; the alarm itself stays in CloudWatch and on the dashboard.";
      acknowledge(subscription, "Serverless-SNSRedrivePolicy", reason);
    }
    return topic;
  }
}

/**
 * A topic has a policy by default that lets its account publish. One that asks for TLS replaces that, so the stack's alarms have to be
 * let in by name (https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html).
 */
function alarmsPublish(topic: Topic): PolicyStatement {
  const stack = Stack.of(topic);
  const alarms = stack.formatArn({
    service: "cloudwatch",
    resource: "alarm",
    // CloudFormation begins the names of alarms with the stack's.
    resourceName: `${stack.stackName}-*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const statement = allow("Alarms", ["sns:Publish"], [topic.topicArn], {
    StringEquals: { "aws:SourceAccount": stack.account },
    ArnLike: { "aws:SourceArn": alarms },
  });
  statement.addServicePrincipal("cloudwatch.amazonaws.com");
  return statement;
}
