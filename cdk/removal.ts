import { RemovalPolicy } from "aws-cdk-lib";
import type { StackConfig } from "./props.ts";

/** What becomes of a resource that holds data when the stack is deleted. */
export function removalPolicyOf(config: StackConfig): RemovalPolicy {
  return config.removalPolicy === "retain" ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
