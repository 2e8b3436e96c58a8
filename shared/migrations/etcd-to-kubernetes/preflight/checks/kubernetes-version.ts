import { type ConnectionCheck, fail, pass, unknown } from "../check.ts";

/** Server-side apply, which the switch uses, is stable since 1.22. */
const OLDEST_MINOR = 22;
const NEWEST_TRIED_MINOR = 36;

/** The API server has what the migration uses. */
export const kubernetesVersion: ConnectionCheck = {
  id: "kubernetes-version",
  title: "Kubernetes is 1.22 or newer",
  severity: "blocking",
  fix: "Upgrade Kubernetes first, then `resume`.",
  phase: "connections",
  run: async (facts) => {
    const text = await facts.serverVersion();
    const minor = Number(/^v1\.(\d+)/.exec(text)?.[1]);
    if (Number.isNaN(minor)) return unknown(`the API server says its version is "${text}"`);
    if (minor < OLDEST_MINOR) return fail(`Kubernetes ${text} is too old`);
    if (minor > NEWEST_TRIED_MINOR)
      return pass(`Kubernetes ${text}, newer than what was tried (1.${NEWEST_TRIED_MINOR})`);
    return pass(`Kubernetes ${text}`);
  },
};
