import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { JsonObject } from "../../json.ts";
import type { KubernetesClient } from "../client.ts";
import { connectKubernetes, type ConnectOptions } from "../connection.ts";
import { FakeApiServer, type FakeOptions } from "./fake-api-server.ts";

/** A folder that is removed after the test. */
export async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "calico-migrator-test-"));
  test.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a kubeconfig (JSON is YAML) into a new folder and gives its path. */
export async function writeKubeconfig(test: TestContext, kubeconfig: JsonObject): Promise<string> {
  const file = join(await temporaryFolder(test), "config");
  await writeFile(file, JSON.stringify(kubeconfig));
  return file;
}

/** A fake API server that ends with the test. */
export async function startFake(test: TestContext, options: FakeOptions = {}): Promise<FakeApiServer> {
  const fake = await FakeApiServer.start(options);
  test.after(() => fake.stop());
  return fake;
}

/** A fake API server and a client connected to it; both end with the test. */
export async function connectFake(
  test: TestContext,
  options: FakeOptions = {},
  connect: Pick<ConnectOptions, "connections"> = {},
): Promise<{ fake: FakeApiServer; client: KubernetesClient }> {
  const fake = await startFake(test, options);
  const kubeconfig = await writeKubeconfig(test, fake.kubeconfig());
  const client = await connectKubernetes({ ...connect, kubeconfig, userAgent: "test" });
  test.after(() => client.close());
  fake.requests.length = 0;
  return { fake, client };
}
