import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** What AWS answers, in the words of its query services. */
export interface AwsAnswer {
  status: number;
  body: string;
}

/** The outputs of a stack that is whole. */
export const OUTPUTS = {
  TableName: "t",
  ArtifactBucketName: "b",
  EventBusName: "bus",
  ClusterSecretPrefix: "calico-migrator/clusters/",
};

/** An endpoint that answers everything alike, or as it is asked; and credentials for it, for the time of a test. */
export async function fakeAws(
  t: TestContext,
  answer: AwsAnswer | ((request: IncomingMessage) => AwsAnswer),
): Promise<void> {
  const server = createServer((request, response) => {
    const { status, body } = typeof answer === "function" ? answer(request) : answer;
    response.writeHead(status, { "content-type": "text/xml" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  useEnvironment(t, {
    ...{ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_ACCESS_KEY_ID: "k", AWS_SECRET_ACCESS_KEY: "s" },
  });
  t.after(() => server.close());
}

/** Sets variables for the time of a test, or takes them away. */
export function useEnvironment(t: TestContext, variables: Record<string, string | undefined>): void {
  const before = { ...process.env };
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  t.after(() => {
    for (const name of Object.keys(variables)) set(name, before[name]);
  });
}

/** What CloudFormation says of a stack with these outputs. */
export function stackXml(outputs: Record<string, string>, status = "CREATE_COMPLETE"): string {
  const members = Object.entries(outputs).map(
    ([key, value]) => `<member><OutputKey>${key}</OutputKey><OutputValue>${value}</OutputValue></member>`,
  );
  return `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>CalicoMigrator</StackName>
    <StackStatus>${status}</StackStatus><Outputs>${members.join("")}</Outputs>
  </member></Stacks></DescribeStacksResult></DescribeStacksResponse>`;
}

/** How AWS refuses. */
export function errorXml(code: string, message: string): string {
  return `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
}
