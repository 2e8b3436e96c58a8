import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { z } from "zod";

const Request = z.looseObject({
  SecretId: z.string().optional(),
  Name: z.string().optional(),
  SecretString: z.string().optional(),
  KmsKeyId: z.string().optional(),
  RecoveryWindowInDays: z.number().optional(),
  Tags: z.array(z.object({ Key: z.string(), Value: z.string() })).optional(),
});
type Request = z.infer<typeof Request>;

/** A secret as the fake keeps it. */
export interface FakeSecret {
  text: string | undefined;
  version: number;
  deleted: boolean;
  tags: Record<string, string>;
}

interface Failure {
  status: number;
  type: string;
  message: string;
}

class FakeFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Secrets Manager's HTTP API in this process, as far as clusters need it, and a client of it. */
export class FakeSecretsManager {
  readonly secrets = new Map<string, FakeSecret>();
  /** The operations that were called, in order, with their input. */
  readonly calls: { operation: string; input: Request }[] = [];
  /** Answers every call with this instead. */
  failure: Failure | undefined;
  readonly client: SecretsManagerClient;

  private constructor(endpoint: string) {
    this.client = new SecretsManagerClient({
      endpoint,
      region: "eu-west-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    });
  }

  /** Starts on a free port of 127.0.0.1 and ends with the test. */
  static async start(test: TestContext): Promise<FakeSecretsManager> {
    const answer = async (request: IncomingMessage) => fake.#answer(request);
    const server = createServer((request, response) => {
      void answer(request).then(({ status, body }) => {
        response
          .writeHead(status, { "content-type": "application/x-amz-json-1.1" })
          .end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const fake = new FakeSecretsManager(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    test.after(() => {
      fake.client.destroy();
      server.closeAllConnections();
      server.close();
    });
    return fake;
  }

  /** Gives a secret a new version. */
  put(name: string, value: unknown): void {
    const { version = 0, tags = {} } = this.secrets.get(name) ?? {};
    const text = typeof value === "string" ? value : JSON.stringify(value);
    this.secrets.set(name, { text, version: version + 1, deleted: false, tags });
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: object }> {
    const operation = String(request.headers["x-amz-target"]).replace(/^.*\./, "");
    const input = Request.parse(await json(request));
    this.calls.push({ operation, input });
    try {
      if (this.failure !== undefined) throw new FakeFailure(this.failure);
      return { status: 200, body: this.#act(operation, input) };
    } catch (error) {
      if (!(error instanceof FakeFailure)) throw error;
      const { status, type, message } = error.failure;
      return { status, body: { __type: type, message } };
    }
  }

  #act(operation: string, input: Request): object {
    const name = input.Name ?? input.SecretId ?? "";
    if (operation === "CreateSecret") return this.#create(name, input);
    const secret = this.secrets.get(name);
    if (secret === undefined) throw refused("ResourceNotFoundException", "Secrets Manager can't find it.");
    if (operation === "RestoreSecret") secret.deleted = false;
    if (secret.deleted) {
      throw refused("InvalidRequestException", "it was marked for deletion.");
    }
    if (operation === "PutSecretValue") this.put(name, input.SecretString ?? "");
    if (operation === "DeleteSecret") secret.deleted = true;
    return this.#described(name);
  }

  #create(name: string, { SecretString, Tags = [] }: Request): object {
    const existing = this.secrets.get(name);
    if (existing?.deleted === true) {
      throw refused("InvalidRequestException", "a secret with this name is already scheduled for deletion.");
    }
    if (existing !== undefined) throw refused("ResourceExistsException", "it already exists.");
    const tags = Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
    this.secrets.set(name, { text: SecretString, version: 1, deleted: false, tags });
    return this.#described(name);
  }

  #described(name: string): object {
    const { version, text } = this.secrets.get(name) ?? {};
    return {
      ARN: `arn:aws:secretsmanager:eu-west-1:1:secret:${name}`,
      Name: name,
      VersionId: `v${version ?? 0}`,
      SecretString: text,
    };
  }
}

function refused(type: string, message: string): FakeFailure {
  return new FakeFailure({ status: 400, type, message });
}
