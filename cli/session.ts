import { type Embedded, holderName } from "../shared/adapters/embedded/index.ts";
import { DEFAULT_RETRY } from "../shared/engine/backoff.ts";
import { Engine } from "../shared/engine/engine.ts";
import type { EnginePorts } from "../shared/engine/settings.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import { type ConnectionSettings, RegistryConnections } from "./connections.ts";
import type { OutputFlags } from "./options/common.ts";
import { registeredConnection } from "./options/connection.ts";
import { openStore, storePath } from "./store.ts";
import type { World } from "./world.ts";

const LEASE_TTL_MS = 30_000;
const BUSY_DELAY_MS = 1000;

/** The engine on an open store, for the time of one command. */
export interface Session extends AsyncDisposable {
  readonly world: World;
  readonly flags: OutputFlags;
  readonly path: string;
  readonly embedded: Embedded;
  readonly ports: EnginePorts<ClusterConnections>;
  readonly engine: Engine<ClusterConnections>;
  readonly settings: ConnectionSettings;
}

/** How a session is opened. */
export interface SessionOptions {
  /** Create the store where there is none. Default false. */
  create?: boolean;
  /** The most requests under way at one API server. Default 32. */
  concurrency?: number;
  /** Another file than the flags say, such as a throw-away one. */
  path?: string;
}

/** Opens the store that the flags name, and the engine on it. */
export function openSession(world: World, flags: OutputFlags, options: SessionOptions = {}): Session {
  const path = options.path ?? storePath(world, flags.store);
  const embedded = openStore(path, world.clock, options.create ?? false);
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
    { holder: holderName(), leaseTtlMs: LEASE_TTL_MS, busyDelayMs: BUSY_DELAY_MS, retry: DEFAULT_RETRY },
    world.migrations,
  );
  return {
    ...{ world, flags, path, embedded, ports, engine, settings },
    [Symbol.asyncDispose]: async () => {
      await connections.close();
      embedded.close();
    },
  };
}

/** A command line for people to go on with, in the same store. */
export function commandLine(session: Pick<Session, "flags">, ...words: readonly string[]): string {
  const store = session.flags.store === undefined ? [] : ["--store", session.flags.store];
  return ["calico-migrator", ...words, ...store].map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
