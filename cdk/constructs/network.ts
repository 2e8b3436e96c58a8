import { CfnSecurityGroup } from "aws-cdk-lib/aws-ec2";
import { Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Stack } from "aws-cdk-lib";
import type { CfnFunction } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";
import type { StackConfig } from "../props.ts";

/** Where the functions run that talk to clusters. Given by ids, so that synthesis looks nothing up in an account. */
export class Network extends Construct {
  private readonly vpcConfig: CfnFunction.VpcConfigProperty | undefined;

  constructor(scope: Construct, id: string, config: StackConfig) {
    super(scope, id);
    if (config.subnetIds === undefined) return;
    const securityGroupIds = config.securityGroupIds ?? [this.securityGroup(config.vpcId)];
    this.vpcConfig = { subnetIds: config.subnetIds, securityGroupIds };
  }

  /** Puts a function into the subnets, where there are any. */
  place(resource: CfnFunction): void {
    if (this.vpcConfig !== undefined) resource.vpcConfig = this.vpcConfig;
  }

  /** What the role of a function in a VPC needs: Lambda itself manages the network interfaces, the function's code must not. */
  statements(): PolicyStatement[] {
    if (this.vpcConfig === undefined) return [];
    const statement = { actions: INTERFACE_ACTIONS, resources: ["*"] };
    const functions = Stack.of(this).formatArn({ service: "lambda", resource: "function:*" });
    return [
      new PolicyStatement({ sid: "NetworkInterfaces", ...statement }),
      new PolicyStatement({
        sid: "NotFromCode",
        effect: Effect.DENY,
        ...statement,
        conditions: { ArnLike: { "lambda:SourceFunctionArn": functions } },
      }),
    ];
  }

  private securityGroup(vpcId = ""): string {
    const groupDescription = "Functions of calico-migrator: out to API servers, etcd and AWS, nothing in";
    return new CfnSecurityGroup(this, "Functions", { vpcId, groupDescription }).attrGroupId;
  }
}

/** As AWS documents them for functions in a VPC. */
const INTERFACE_ACTIONS = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];
