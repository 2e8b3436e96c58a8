import { existsSync } from "node:fs";
import { type Cluster, type Embedded, openEmbedded } from "../../shared/adapters/embedded/index.ts";
import { type AwsSession, openAwsSession } from "../aws/session.ts";
import { localStorePath } from "../local-session.ts";
import type { OutputFlags } from "../options/common.ts";
import { type ConnectionFlags, connectionOf, type NamedConnection } from "../options/connection.ts";
import { asksForAws, targetOf } from "../target.ts";
import type { World } from "../world.ts";
import { removeExpired } from "./kept-plan.ts";
import { keepPlanned, type Planned } from "./planned.ts";
import { requireRegistered } from "./registration.ts";

/** Where a plan is kept, and which clusters are known there. */
export interface PlanPlace extends AsyncDisposable {
  /** The cluster that a command line means, which this machine can look at. */
  clusterOf(migration: string, flags: ConnectionFlags): Promise<NamedConnection>;
  /** Keeps a plan, and gives its hash. */
  keep(planned: Planned): Promise<string>;
}

/** What the command is called, and whether its result is kept; what is not kept has no place on AWS. */
interface Way {
  command: string;
  keeps: boolean;
}

/** Opens the place that the command line names. Throws NOT_ON_AWS, and what opening a stack throws. */
export async function openPlanPlace(
  world: World,
  flags: OutputFlags,
  { command, keeps }: Way,
): Promise<PlanPlace> {
  const target = keeps && asksForAws(world, flags) ? targetOf(world, flags) : undefined;
  return target?.kind === "aws"
    ? new AwsPlace(world, await openAwsSession(world, flags, target))
    : new LocalPlace(world, localStorePath(world, flags, command));
}

/** The user's own store. It is opened for as long as it takes, and created with the first plan. */
class LocalPlace implements PlanPlace {
  readonly #world: World;
  readonly #path: string;

  constructor(world: World, path: string) {
    this.#world = world;
    this.#path = path;
  }

  clusterOf(_migration: string, flags: ConnectionFlags): Promise<NamedConnection> {
    return connectionOf(this.#world, flags, (name) => this.#registered(name));
  }

  keep(planned: Planned): Promise<string> {
    return this.#opened(async ({ artifacts }) => {
      const hash = await keepPlanned(artifacts, this.#world, planned);
      await removeExpired(artifacts, this.#world.clock.now());
      return hash;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #registered(name: string): Promise<Cluster | undefined> {
    return existsSync(this.#path) ? this.#opened(({ clusters }) => clusters.get(name)) : undefined;
  }

  async #opened<T>(use: (store: Embedded) => Promise<T>): Promise<T> {
    const embedded = openEmbedded(this.#path, { clock: this.#world.clock });
    try {
      return await use(embedded);
    } finally {
      embedded.close();
    }
  }
}

/** A stack's bucket. Functions will reach the cluster as it is registered there; for a plan it is looked at from here. */
class AwsPlace implements PlanPlace {
  readonly #world: World;
  readonly #session: AwsSession;

  constructor(world: World, session: AwsSession) {
    this.#world = world;
    this.#session = session;
  }

  async clusterOf(migration: string, flags: ConnectionFlags): Promise<NamedConnection> {
    const cluster = await connectionOf(this.#world, flags, () => Promise.resolve(undefined));
    await requireRegistered(this.#session, migration, cluster);
    return cluster;
  }

  keep(planned: Planned): Promise<string> {
    return keepPlanned(this.#session.artifacts, this.#world, planned);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#session[Symbol.asyncDispose]());
  }
}
