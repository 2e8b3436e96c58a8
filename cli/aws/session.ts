import { join } from "node:path";
import type { OutputFlags } from "../options/common.ts";
import type { Session } from "../session.ts";
import { stateFolder } from "../store.ts";
import type { AwsTarget } from "../target.ts";
import type { World } from "../world.ts";
import { AwsActions } from "./actions.ts";
import type { AwsStack } from "./stack.ts";

/** A look costs requests, and nothing there happens faster. */
const POLL_MS = 1000;

/** The runs of a stack: they are worked on there, and only looked at and asked for here. */
export interface AwsSession extends Session {
  readonly kind: "aws";
  readonly target: AwsTarget;
  readonly stack: AwsStack;
}

/** Opens what a stack has deployed. Throws what `World.openAws` throws. */
export async function openAwsSession(
  world: World,
  flags: OutputFlags,
  target: AwsTarget,
): Promise<AwsSession> {
  const stack = await world.openAws(target, world);
  const { store, artifacts } = stack;
  return {
    kind: "aws",
    ...{ world, flags, target, stack, store, artifacts },
    actions: new AwsActions({ stack, world }),
    reports: join(stateFolder(world) ?? world.cwd, "reports"),
    pollMs: POLL_MS,
    [Symbol.asyncDispose]: () => {
      stack.close();
      return Promise.resolve();
    },
  };
}
