import type { Workload } from "../facts.ts";
import { block, type Check, pass, warn } from "../check.ts";
import { parseVersion, versionText } from "../versions.ts";

/** Calico is not in the middle of an upgrade. */
export const componentVersions: Check = {
  id: "component-versions",
  title: "all of Calico's images are of one version",
  why: "A component of an older version does not know the native group, or lacks fields and rights of it; with it, half of Calico would stand still after the switch.",
  severity: "blocking",
  fix: "Finish the upgrade of Calico first, so that every image has the same version.",
  judge: ({ workloads }) => {
    const versions = new Map<string, string[]>();
    for (const { version, where } of workloads.flatMap(imagesOf)) {
      versions.set(version, [...(versions.get(version) ?? []), where]);
    }
    const untold = versions.get("") ?? [];
    versions.delete("");
    if (versions.size > 1) {
      const items = [...versions].map(([version, places]) => `${version}: ${places.join(", ")}`);
      return block(`there are ${versions.size} versions: ${items.join("; ")}`, { items });
    }
    if (untold.length > 0)
      return warn(`no version can be told from the image of ${untold.join(", ")}`, { items: untold });
    const [version] = versions.keys();
    return version === undefined ? warn("no image of Calico was found") : pass(`all are ${version}`);
  },
};

function imagesOf({ kind, namespace, name, images }: Workload): { version: string; where: string }[] {
  return images.map(({ container, version }) => ({
    version: released(version),
    where: `${kind} ${namespace}/${name} (${container})`,
  }));
}

/** Rebuilt images have suffixes of their own after the version of Calico. */
function released(tag: string | undefined): string {
  const version = parseVersion(tag ?? "");
  return version === undefined ? "" : versionText(version);
}
