import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { type PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import {
  ApplicationLogLevel,
  Architecture,
  CfnFunction,
  type Code,
  Function as LambdaFunction,
  type FunctionOptions,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from "aws-cdk-lib/aws-lambda";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { DUTIES } from "../function-table.ts";
import { type FunctionName, HANDLER } from "../../functions/bundle.ts";
import { allow, permissionsOf } from "../permissions.ts";
import type { StackConfig } from "../props.ts";
import { variablesOf } from "../variables.ts";
import type { Network } from "./network.ts";
import type { StackParts } from "./parts.ts";

/** What a function is made of besides its duties. */
export interface FunctionMaterial {
  readonly parts: StackParts;
  readonly network: Network;
  readonly code: Code;
  /** How it is called and how often at once. */
  readonly calls: FunctionOptions;
}

const CODE = { runtime: Runtime.NODEJS_24_X, architecture: Architecture.ARM_64, handler: HANDLER };

/** A function with its role and its log. */
export class MigratorFunction extends Construct {
  readonly lambda: LambdaFunction;
  private readonly material: FunctionMaterial;

  constructor(scope: Construct, id: string, name: FunctionName, material: FunctionMaterial) {
    super(scope, id);
    this.material = material;
    const { parts, code, calls } = material;
    const logGroup = this.log(parts);
    this.lambda = new LambdaFunction(this, "Function", {
      ...CODE,
      ...calls,
      ...logging(parts.config),
      code,
      logGroup,
      description: DUTIES[name].description,
      environment: variablesOf(DUTIES[name], parts, Stack.of(this).stackName),
      memorySize: parts.config.memoryMb,
      tracing: Tracing.ACTIVE,
      role: this.role(name, [
        ...permissionsOf(DUTIES[name], parts),
        allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [logGroup.logGroupArn]),
      ]),
    });
    if (DUTIES[name].clusters) this.enterNetwork();
  }

  private log({ config, key }: StackParts): LogGroup {
    return new LogGroup(this, "Logs", {
      retention: config.logRetentionDays,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  private role(name: FunctionName, statements: readonly PolicyStatement[]): Role {
    const { stackName, region } = Stack.of(this);
    const role = new Role(this, "Role", {
      // Clusters and other accounts name these roles: they keep their names whatever becomes of the stack.
      ...(DUTIES[name].clusters ? { roleName: `${stackName}-${region}-${name}` } : {}),
      assumedBy: new ServicePrincipal("lambda.amazonaws.com"),
      description: `${Stack.of(this).stackName}: function ${name}`,
    });
    for (const statement of statements) role.addToPolicy(statement);
    return role;
  }

  private enterNetwork(): void {
    const { network } = this.material;
    for (const statement of network.statements()) this.lambda.addToRolePolicy(statement);
    const resource = this.lambda.node.defaultChild;
    if (resource instanceof CfnFunction) network.place(resource);
  }
}

function logging({ logLevel }: StackConfig): FunctionOptions {
  return {
    loggingFormat: LoggingFormat.JSON,
    // Lambda's filter takes metrics for lines of level INFO: below it only the logger may filter.
    applicationLogLevelV2: logLevel === "DEBUG" ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
    systemLogLevelV2: SystemLogLevel.INFO,
  };
}
