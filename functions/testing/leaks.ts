import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SecretsManagerConnections } from "../../shared/adapters/aws/secrets/connections.ts";
import { openCluster } from "../../shared/adapters/aws/secrets/open-cluster.ts";
import { recordDeadLetter } from "../../shared/engine/dead-letter.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { Migration } from "../../shared/engine/migration.ts";
import { type Rig, SETTINGS, withRig } from "../../shared/engine/testing/rig.ts";
import { action, migrationOf } from "../../shared/engine/testing/stages.ts";
import { MigratorError } from "../../shared/errors.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { etcdToKubernetes } from "../../shared/migrations/etcd-to-kubernetes/index.ts";
import { encodeWork } from "../../events/work.ts";
import { deadLetterHandler, type DeadMessage } from "../dead-letter/handler.ts";
import { carryOutRunCommand } from "../run/handler.ts";
import { entryPoint } from "../runtime/entry.ts";
import { observedSink, observedStore } from "../runtime/observed.ts";
import type { Observers } from "../runtime/ports.ts";
import { queueHandler } from "../runtime/queue-handler.ts";
import { redactedStore } from "../runtime/redacted-store.ts";
import { bodyOf, contextWith, eventOf, recordOf } from "./events.ts";
import { AWS_KEY_ID, AWS_SECRET_KEY, ETCD_PASSWORD, JWT, KEY, TOKEN } from "./secrets.ts";

/** A program that goes wrong in every way, with secrets at hand each time, and prints all that it wrote anywhere. */

const user = { token: TOKEN, "client-key-data": Buffer.from(KEY).toString("base64") };
const etcd = { endpoints: ["https://127.0.0.1:1"], username: "root", password: ETCD_PASSWORD, key: KEY };

function kubeconfig(server: string, over: object = {}): string {
  return JSON.stringify({
    "current-context": "it",
    contexts: [{ name: "it", context: { cluster: "it", user: "it" } }],
    clusters: [{ name: "it", cluster: { server } }],
    users: [{ name: "it", user: { token: TOKEN, ...over } }],
  });
}

/** The secrets of clusters, by the clusters' names. */
const SECRETS: Readonly<Record<string, string>> = {
  "no-json": `{"kubeconfig": ${TOKEN}`,
  misspelt: JSON.stringify({
    version: 1,
    kubeconfig: kubeconfig("https://127.0.0.1:1"),
    etcdPassword: ETCD_PASSWORD,
  }),
  "no-yaml": JSON.stringify({ version: 1, kubeconfig: `users: [${TOKEN}` }),
  plugin: JSON.stringify({
    version: 1,
    kubeconfig: kubeconfig("https://127.0.0.1:1", { exec: { args: [TOKEN] } }),
  }),
  "bad-key": JSON.stringify({ version: 1, kubeconfig: kubeconfig("https://127.0.0.1:1", user), etcd }),
  unreachable: JSON.stringify({ version: 1, kubeconfig: kubeconfig("https://127.0.0.1:1") }),
  unauthorized: JSON.stringify({ version: 1, kubeconfig: kubeconfig("https://127.0.0.1:2") }),
};

const THROWN: readonly (() => Error)[] = [
  () => new Error(`GET /api failed: authorization: Bearer ${TOKEN}`),
  () => Object.assign(new Error("refused"), { config: { password: ETCD_PASSWORD, token: TOKEN }, body: KEY }),
  () => new Error("wrapped", { cause: new Error(`kubeconfig:\n  token: ${TOKEN}\n${KEY}`) }),
  () => new TypeError(`just text with ${JWT} and ${AWS_KEY_ID}`),
  () =>
    new MigratorError("BROKEN", `password=${ETCD_PASSWORD.replaceAll(" ", "_")} ${TOKEN}`, {
      next: `AWS_SECRET_ACCESS_KEY=${AWS_SECRET_KEY}`,
    }),
];

const throwing: Migration<ClusterConnections> = migrationOf(
  THROWN.map((thrown, index) =>
    action(`throws-${index}`, (context) => {
      if (context.options["throws"] === index) return Promise.reject(thrown());
      return Promise.resolve({ done: true });
    }),
  ),
);

function secretsManager(): SecretsManagerClient {
  const send = (command: unknown): Promise<unknown> => {
    const name = command instanceof GetSecretValueCommand ? (command.input.SecretId ?? "") : "";
    return Promise.resolve({ SecretString: SECRETS[name], VersionId: "1" });
  };
  return Object.assign(new SecretsManagerClient({ region: "eu-west-1" }), { send });
}

function connectionsFor(rig: Rig<ClusterConnections>, observers: Observers): SecretsManagerConnections {
  return new SecretsManagerConnections({
    secrets: secretsManager(),
    prefix: "",
    clock: rig.clock,
    concurrency: 1,
    userAgent: "test",
    eksToken: () => Promise.resolve(TOKEN),
    learn: observers.learn,
    forget: observers.forget,
    allowLoopback: true,
    connect: (secret, renew, settings) => {
      const { kubernetes } = secret;
      const refuses = kubernetes.kind === "kubeconfig" && kubernetes.stored.server.includes(":2");
      return refuses ? Promise.reject(unauthorized()) : openCluster(secret, renew, settings);
    },
  });
}

function unauthorized(): MigratorError {
  const cause = Object.assign(new Error(`401 for Bearer ${TOKEN}`), {
    request: { headers: { authorization: JWT } },
  });
  return new MigratorError("KUBERNETES_UNAUTHORIZED", "the server refuses these credentials", {
    next: "Renew them.",
    cause,
  });
}

async function goWrong(rig: Rig<ClusterConnections>): Promise<void> {
  const refused: unknown[] = [];
  const handle = await entryPoint((observers) => {
    const real = connectionsFor(rig, observers);
    const connections = {
      open: (cluster: string) =>
        cluster === "fine" ? rig.ports.connections.open(cluster, {}) : real.open(cluster),
    };
    const store = observedStore(redactedStore(rig.ports.store, observers.redact), observers);
    const ports = { ...rig.ports, connections, store, events: observedSink(rig.ports.events, observers) };
    const engineFor = () =>
      new Engine(ports, { ...SETTINGS, retry: { ...SETTINGS.retry, maxAttempts: 1 } }, rig.migrations);
    const visibility = {
      keepHidden: () => ({ [Symbol.asyncDispose]: () => Promise.resolve() }),
      showAfter: () => Promise.resolve(),
    };
    const tell = (refusal: unknown): Promise<void> => Promise.resolve(void refused.push(refusal));
    const { clock } = rig;
    const commands = { carryOut: carryOutRunCommand<ClusterConnections>, refusals: { tell }, store, clock };
    return queueHandler({ engineFor, visibility, commands, hopBudget: 100, ...observers });
  });
  const say = (body: string): Promise<unknown> => handle(eventOf(recordOf(body)), contextWith());
  const start = async (
    runId: string,
    cluster: string,
    options: Record<string, string | number>,
  ): Promise<void> => {
    const migration = runId.startsWith("invalid") ? etcdToKubernetes.name : "test";
    await say(
      bodyOf({ type: "StartRun", data: { runId, migration, cluster, options, approvals: [], by: "ann" } }),
    );
    await say(encodeWork({ type: "run.advance", runId }, 0));
  };
  for (const cluster of Object.keys(SECRETS)) await start(`secret-of-${cluster}`, cluster, {});
  for (const index of THROWN.keys()) await start(`throws-${index}`, "fine", { throws: index });
  await start("invalid", "fine", { concurrency: TOKEN, [KEY.slice(0, 20)]: ETCD_PASSWORD });
  for (const body of [
    `{"token":"${TOKEN}"`,
    `{"version":1,"type":"${JWT}"}`,
    `{"detail-type":"PauseRun","detail":{"data":{"by":"${TOKEN}"}}}`,
  ])
    await say(body);
  await buryLetters(rig);
  console.log(JSON.stringify({ refused, told: rig.told }));
}

async function buryLetters(rig: Rig<ClusterConnections>): Promise<void> {
  const bodies = [`{"runId":"throws-0","password":"${ETCD_PASSWORD}"`, `token=${TOKEN}`];
  const messages = bodies.map((body, index): DeadMessage => ({
    queue: "runs",
    messageId: `m-${index}`,
    key: `${index}`,
    body,
    receives: 5,
  }));
  const look = await entryPoint((observers) => {
    const record: Parameters<typeof deadLetterHandler>[0]["record"] = (letter) =>
      recordDeadLetter({ ...rig.ports, ...SETTINGS }, letter);
    const seen = {
      has: () => Promise.resolve(false),
      remember: () => Promise.reject(new Error(`Bearer ${TOKEN}`)),
    };
    const queues = {
      messages: async function* () {
        await Promise.resolve();
        yield* messages;
        throw new Error(`the queue is away: ${KEY} ${TOKEN.length} Bearer ${TOKEN}`);
      },
    };
    return deadLetterHandler({ queues, seen, record, ...observers });
  });
  await look(undefined, contextWith()).catch((error: unknown) => {
    console.log(error);
  });
}

async function printStore({ ports: { store } }: Rig<ClusterConnections>): Promise<void> {
  const { items } = await store.listRuns({ limit: 100 });
  for (const run of items) {
    const { runId } = run;
    const events = await store.listEvents({ runId, after: 0, limit: 1_000 });
    const control = await store.getControl(runId);
    const checkpoints = await store.listCheckpoints(runId, "resources", { limit: 1_000 });
    console.log(JSON.stringify({ run, control, stages: await store.listStages(runId), events, checkpoints }));
  }
}

await withRig({} as ClusterConnections, [throwing, etcdToKubernetes], async (rig) => {
  await goWrong(rig);
  await printStore(rig);
});
