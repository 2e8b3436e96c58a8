import type { Manager, ManagerElsewhere } from "../../../../kubernetes/gitops/find-managers.ts";
import { block, type Check, pass, type Verdict, warn } from "../check.ts";

/** No tool puts Calico's objects back as its source has them. */
export const gitops: Check = {
  id: "gitops",
  title: "no GitOps tool manages objects of Calico, or it will be paused",
  why: "It would put CRDs, policies and workloads back as its source has them, in the old group's terms, while they are copied and switched.",
  severity: "blocking",
  fix: "Let the migration pause it with --gitops=pause, or pause it yourself and start again with --gitops=ignore.",
  judge: ({ gitops: { mode, managers, elsewhere } }) => {
    const away = elsewhere.map(nameElsewhere);
    const names = [...managers.map(nameOf), ...away];
    const named = names.join(", ");
    const items = [...managers, ...elsewhere].map(
      ({ evidence }, at) => `${names[at] ?? ""}: ${evidence.examples[0] ?? ""}`,
    );
    if (names.length === 0) return pass("none does");
    switch (mode) {
      case "pause":
        return away.length === 0 ? pass(`paused until the end: ${named}`, items) : cannotPause(away, items);
      case "refuse":
        return block(`objects of Calico are managed by ${named}`, { items });
      case "ignore":
        return warn(`objects of Calico are managed by ${named}, which is left alone`, {
          items,
          next: "Make sure that it is paused, and change its source to projectcalico.org/v3 before it is resumed.",
        });
    }
  },
};

function cannotPause(away: readonly string[], items: readonly string[]): Verdict {
  return warn(`${away.join(", ")} cannot be paused from this cluster`, {
    items,
    next: "Pause it where it runs, and resume it after the migration with its source changed to projectcalico.org/v3.",
  });
}

function nameOf({ tool, kind, namespace, name }: Manager): string {
  return `${kind} ${namespace}/${name} (${tool})`;
}

function nameElsewhere({ tool, name }: ManagerElsewhere): string {
  return `${name} (${tool})`;
}
