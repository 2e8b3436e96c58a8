/** Major, minor, patch. */
export type Version = readonly [number, number, number];

/** The version in a text such as `v3.32.1`, `1.36.1-gke.100` or `v1.42.3-0.dev`; undefined where there is none at its start. */
export function parseVersion(text: string): Version | undefined {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return [Number(major), Number(minor), Number(patch ?? 0)];
}

/** True when `version` is `floor` or newer. */
export function isAtLeast(version: Version, floor: Version): boolean {
  for (const [index, part] of version.entries()) {
    const wanted = floor[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/** The version as people write it, with `v` in front. */
export function versionText(version: Version): string {
  return `v${version.join(".")}`;
}

/** The last of the rows, ordered by the version they hold from, that holds for this version; undefined before the first. */
export function rowFor<T extends { from: Version }>(rows: readonly T[], version: Version): T | undefined {
  return rows.findLast((row) => isAtLeast(version, row.from));
}
