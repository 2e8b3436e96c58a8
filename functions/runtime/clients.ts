import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { REQUEST_TIME_OUTS } from "../../shared/adapters/aws/calls/time-outs.ts";

/** What every function has. */
export function tableClient(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({ requestHandler: REQUEST_TIME_OUTS }));
}

export function queueClient(): SQSClient {
  return new SQSClient({ requestHandler: REQUEST_TIME_OUTS });
}

export function busClient(): EventBridgeClient {
  return new EventBridgeClient({ requestHandler: REQUEST_TIME_OUTS });
}
