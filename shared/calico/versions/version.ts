/** A version of Calico. One that names no patch counts as the newest of its minor version. */
export interface CalicoVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Reads `v3.28.5`, `3.28` or `v3.28.1-build2`; undefined for a text that begins with no such version. */
export function parseVersion(text: string): CalicoVersion | undefined {
  const [, major, minor, patch] = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?(?![\d.])/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: patch === undefined ? Infinity : Number(patch),
  };
}

/** Negative when `a` is older than `b`, positive when it is newer. */
export function compareVersions(a: CalicoVersion, b: CalicoVersion): number {
  if (a.major !== b.major) return a.major - b.major;
  if (a.minor !== b.minor) return a.minor - b.minor;
  return a.patch === b.patch ? 0 : a.patch - b.patch;
}

/** `v3.28.5`; without a patch where none is known. */
export function versionText({ major, minor, patch }: CalicoVersion): string {
  return `v${major}.${minor}${Number.isFinite(patch) ? `.${patch}` : ""}`;
}

/**
 * The version of Calico that an image of calico-node has by its tag. Undefined for an image without one, and for Calico
 * Enterprise (cnx-node), whose versions are others.
 */
export function imageVersion(image: string): CalicoVersion | undefined {
  const [named = ""] = image.split("@");
  const colon = named.lastIndexOf(":");
  if (colon < 0 || colon < named.lastIndexOf("/") || /(^|[/-])cnx-/.test(named)) return undefined;
  return parseVersion(named.slice(colon + 1).replace(/^release-/, ""));
}
