import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";

/** A request that has no answer in this time is given up and repeated, long before the function's own time is over. */
export const REQUEST_HANDLER = {
  connectionTimeout: 2_000,
  requestTimeout: 10_000,
  throwOnRequestTimeout: true,
};

/** What every function has. */
export function tableClient(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({ requestHandler: REQUEST_HANDLER }));
}

export function queueClient(): SQSClient {
  return new SQSClient({ requestHandler: REQUEST_HANDLER });
}

export function busClient(): EventBridgeClient {
  return new EventBridgeClient({ requestHandler: REQUEST_HANDLER });
}
