import type { Dashboard } from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns";
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions";
import { Construct } from "constructs";
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
    if (config.alarmEmail !== undefined) {
      const subscription = topic.addSubscription(new EmailSubscription(config.alarmEmail));
      const reason =
        "A mail that cannot be delivered is lost; the alarm itself stays in CloudWatch and on the dashboard.";
      acknowledge(subscription, "Serverless-SNSRedrivePolicy", reason);
    }
    return topic;
  }
}
