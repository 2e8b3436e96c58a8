import type { EnginePorts } from "../../shared/engine/settings.ts";

/** What waking needs none of. */
export const UNUSED: Pick<EnginePorts<never>, "artifacts" | "events" | "connections"> = {
  artifacts: { write: unused, read: () => unread(), find: unused, list: unused },
  events: { emit: unused },
  connections: { open: unused },
};

function unused(): Promise<never> {
  return Promise.reject(new Error("the wake-up has no part in migrations"));
}

// eslint-disable-next-line require-yield -- it is a generator by its port, and gives nothing
async function* unread(): AsyncGenerator<Uint8Array> {
  await unused();
}
