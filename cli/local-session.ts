import { dirname, join } from "node:path";
import { type Embedded, holderName } from "../shared/adapters/embedded/index.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "../shared/engine/backoff.ts";
import { Engine } from "../shared/engine/engine.ts";
import type { EnginePorts } from "../shared/engine/settings.ts";
import { MigratorError } from "../shared/errors.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { type ConnectionSettings, RegistryConnections } from "./connections.ts";
import { Driver } from "./drive/driver.ts";
import type { OutputFlags } from "./options/common.ts";
import { registeredConnection } from "./options/connection.ts";
import type { Session } from "./session.ts";
import { openStore, storePath } from "./store.ts";
import { asksForAws, targetOf } from "./target.ts";
import type { World } from "./world.ts";

const LEASE_TTL_MS = 30_000;
const BUSY_DELAY_MS = 1000;
const POLL_MS = 200;

/** The runs of a store's file, with the engine and the way to clusters in this process. */
export interface LocalSession extends Session {
  readonly kind: "store";
  readonly embedded: Embedded;
  readonly ports: EnginePorts<ClusterConnections>;
  readonly engine: Engine<ClusterConnections>;
  readonly settings: ConnectionSettings;
  readonly drive: (runId: string) => Promise<Driver | undefined>;
}

/** How a session is opened. */
export interface SessionOptions {
  /** Create the store where there is none. Default false. */
  create?: boolean;
  /** The most requests under way at one API server. Default 32. */
  concurrency?: number;
  /** Another file than the flags say, such as a throw-away one. */
  path?: string;
  /** How often what fails is tried. Default: for about ten minutes. */
  retry?: RetryPolicy;
}

/**
 * Opens the file that the flags name, for a command that reaches clusters from this machine. Throws NOT_ON_AWS where the
 * command line asks for AWS.
 */
export function openLocalSession(
  world: World,
  flags: OutputFlags,
  options: SessionOptions & { command: string },
): LocalSession {
  const path = options.path ?? localStorePath(world, flags, options.command);
  return openStoreSession(world, flags, { ...options, path });
}

/** The store's file of a command that reaches clusters from this machine. Throws NOT_ON_AWS. */
export function localStorePath(world: World, flags: OutputFlags, command: string): string {
  if (asksForAws(world, flags)) throw notOnAws(command);
  const target = targetOf(world, flags);
  return target.kind === "store" ? target.path : storePath(world, undefined);
}

function notOnAws(command: string): MigratorError {
  return new MigratorError("NOT_ON_AWS", `\`${command}\` reaches the cluster from this machine`, {
    next: `Run it without --aws, with --kubeconfig FILE, where the cluster can be reached; on AWS, \`start\` runs the same checks first.`,
  });
}

/** Opens a store's file, and the engine on it. */
export function openStoreSession(
  world: World,
  flags: OutputFlags,
  options: SessionOptions & { path: string },
): LocalSession {
  const embedded = openStore(options.path, world.clock, options.create ?? false);
  if (flags.storeMoved !== undefined) checkPlace(embedded, flags.storeMoved);
  const settings = {
    concurrency: options.concurrency ?? 32,
    userAgent: `calico-migrator/${world.version}`,
  };
  const connections = new RegistryConnections(
    (cluster) => registeredConnection(embedded.clusters, cluster),
    (connection) => world.openCluster(connection, settings),
  );
  const { store, queue, artifacts, events } = embedded;
  const ports = { store, queue, artifacts, events, clock: world.clock, connections };
  const engine = new Engine(
    ports,
    {
      ...{ holder: holderName(), leaseTtlMs: LEASE_TTL_MS, busyDelayMs: BUSY_DELAY_MS },
      retry: options.retry ?? DEFAULT_RETRY,
    },
    world.migrations,
  );
  const { clock } = world;
  return {
    kind: "store",
    ...{ world, flags, embedded, store, artifacts, ports, engine, settings },
    actions: engine,
    reports: join(dirname(options.path), "reports"),
    pollMs: POLL_MS,
    drive: (runId) => Driver.take({ engine, store, queue, clock }, runId),
    [Symbol.asyncDispose]: async () => {
      await connections.close();
      embedded.close();
    },
  };
}

/** A command that works on runs does so in one file only; those that look may look at a copy. */
function checkPlace(embedded: Embedded, moved: boolean): void {
  try {
    embedded.checkPlace(moved);
  } catch (error) {
    embedded.close();
    throw error;
  }
}
