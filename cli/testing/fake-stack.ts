import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, encodeCommand, parseCommand } from "../../events/commands.ts";
import { type Embedded, openEmbedded } from "../../shared/adapters/embedded/index.ts";
import type { RegisteredCluster } from "../../shared/adapters/aws/dynamodb/index.ts";
import type { ClusterSecret } from "../../shared/adapters/aws/secrets/cluster-secret.ts";
import { ClusterExistsError, ClusterNotFoundError } from "../../shared/adapters/cluster-errors.ts";
import { DEFAULT_RETRY } from "../../shared/engine/backoff.ts";
import { Engine } from "../../shared/engine/engine.ts";
import type { Clock } from "../../shared/engine/ports.ts";
import { runWorker } from "../../shared/engine/worker.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import type { AwsStack, DeployedClusters } from "../aws/stack.ts";
import type { AwsTarget } from "../target.ts";
import type { FakeWorld } from "./fake-world.ts";

/** A stack in this process: commands are taken and worked on by an engine of its own, as functions would. */
export interface FakeStack extends AwsStack {
  /** What was put on the bus. */
  readonly commands: Command[];
  readonly secretsOf: Map<string, ClusterSecret>;
  readonly probed: string[];
  /** The targets that were opened. */
  readonly targets: AwsTarget[];
  /** Takes commands and works. Set to false, commands are lost. */
  takes: boolean;
  /** Ends the functions. */
  stop(): Promise<void>;
}

/** Gives the world a stack to open. */
export function withFakeStack(
  test: { after: (end: () => Promise<void>) => void },
  world: FakeWorld,
): FakeStack {
  world.clock = hurried(world.clock);
  const folder = mkdtempSync(join(tmpdir(), "calico-migrator-stack-"));
  const embedded = openEmbedded(join(folder, "aws.db"), { clock: world.clock });
  const clusters = new Map<string, RegisteredCluster>();
  const stop = new AbortController();
  const { engine, working } = startFunctions(world, embedded, stop.signal);
  const stack: FakeStack = {
    commands: [],
    secretsOf: new Map(),
    probed: [],
    targets: [],
    takes: true,
    store: embedded.store,
    artifacts: embedded.artifacts,
    clusters: fakeClusters(clusters),
    secrets: {
      put: (name, secret) => {
        stack.secretsOf.set(name, secret);
        return Promise.resolve({
          arn: `arn:aws:secretsmanager:eu-central-1:1:secret:${name}`,
          versionId: "1",
        });
      },
      delete: (name) => Promise.resolve(void stack.secretsOf.delete(name)),
      probe: (name) => Promise.resolve(void stack.probed.push(name)),
    },
    publish: async (command) => {
      stack.commands.push(command);
      if (stack.takes) await carryOut(engine, overTheWire(command));
    },
    close: () => undefined,
    stop: async () => {
      stop.abort();
      await working;
      embedded.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  world.openAws = (target) => {
    stack.targets.push(target);
    return Promise.resolve(stack);
  };
  test.after(() => stack.stop());
  return stack;
}

/** What is looked at every second takes no seconds in a test. */
function hurried(clock: Clock): Clock {
  return { now: () => clock.now(), sleep: (ms, signal) => clock.sleep(ms / 50, signal) };
}

function startFunctions(
  { clock, migrations }: FakeWorld,
  embedded: Embedded,
  signal: AbortSignal,
): { engine: Engine<ClusterConnections>; working: Promise<void> } {
  const { store, queue, artifacts, events } = embedded;
  const connections = { open: () => Promise.resolve({} as ClusterConnections) };
  const ports = { store, queue, artifacts, events, clock, connections };
  const settings = { holder: "function", leaseTtlMs: 30_000, busyDelayMs: 20, retry: DEFAULT_RETRY };
  const engine = new Engine(ports, settings, migrations);
  const working = runWorker({ engine, queue, clock }, { batchConcurrency: 2, visibilityMs: 30_000 }, signal);
  return { engine, working };
}

function overTheWire(command: Command): Command {
  const { DetailType, Detail } = encodeCommand(command, {
    ...{ id: "1", time: "2026-01-01T00:00:00Z", source: "test" },
  });
  return parseCommand(DetailType, JSON.parse(Detail));
}

async function carryOut(engine: Engine<ClusterConnections>, command: Command): Promise<void> {
  switch (command.type) {
    case "StartRun": {
      const { stopBefore, plan, ...request } = command.data;
      const more = { ...(stopBefore !== undefined && { stopBefore }), ...(plan !== undefined && { plan }) };
      await engine.start({ ...request, ...more });
      break;
    }
    case "PauseRun":
      await engine.pause(command.data.runId);
      break;
    case "ResumeRun": {
      const { runId, by, skip } = command.data;
      await engine.resume(runId, skip && { objects: skip, by });
      break;
    }
    case "ApproveRun":
      await approve(engine, command.data);
      break;
    case "AbandonRun":
      await engine.abandon(command.data.runId, command.data.by);
      break;
    case "ResolveConflicts":
      await engine.resolve(command.data.runId, command.data.by, command.data.resolutions);
      break;
    case "AbortRequested":
      await engine.undo(command.data.runId, "abort");
      break;
    case "RollbackRequested":
      await engine.undo(command.data.runId ?? "", "rollback");
      break;
  }
}

async function approve(
  engine: Engine<ClusterConnections>,
  { runId, by, subject, fingerprint }: Extract<Command, { type: "ApproveRun" }>["data"],
): Promise<void> {
  await engine.approve(runId, by, subject, fingerprint);
}

function fakeClusters(clusters: Map<string, RegisteredCluster>): DeployedClusters {
  return {
    add: (cluster, { replace = false } = {}) => {
      if (clusters.has(cluster.name) && !replace) return Promise.reject(new ClusterExistsError(cluster.name));
      clusters.set(cluster.name, cluster);
      return Promise.resolve();
    },
    get: (name) => Promise.resolve(clusters.get(name)),
    list: () => Promise.resolve([...clusters.values()]),
    remove: (name) =>
      clusters.delete(name) ? Promise.resolve() : Promise.reject(new ClusterNotFoundError(name)),
  };
}
