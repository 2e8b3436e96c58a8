import { parseVersion, rowFor, type Version } from "./versions.ts";

/** A defect of upstream's own migration controller that costs data or an outage. */
interface UpstreamDefect {
  /** The first release that has it mended. */
  mendedIn: Version;
  /** The release of the previous line that has it mended as well. */
  alsoIn?: Version;
  message: string;
}

/**
 * Sources: projectcalico/calico #13449 (its pick #13475 is in release-v3.32 after v3.32.1), #13422, #13421, #13426 (all
 * in release-v3.33; not in release-v3.32 as of August 2026). #12315 is mended in v3.32.0 already.
 */
const UPSTREAM_DEFECTS: readonly UpstreamDefect[] = [
  {
    mendedIn: [3, 33, 0],
    alsoIn: [3, 32, 2],
    message:
      "deleting a DatastoreMigration of a cluster that is migrated already deletes all migrated data (#13449)",
  },
  {
    mendedIn: [3, 33, 0],
    message: "the old group stays writable after the APIService is removed, and updates are lost (#13422)",
  },
  { mendedIn: [3, 33, 0], message: "a lock that could not be set is ignored (#13421)" },
  { mendedIn: [3, 33, 0], message: "a drifted built-in tier fails the copy half-way (#13426)" },
];

/** The known defects of the migration controller in this Calico release; none when the release cannot be told. */
export function upstreamDefects(calico: string | undefined): string[] {
  const version = parseVersion(calico ?? "");
  if (version === undefined) return [];
  return UPSTREAM_DEFECTS.filter((defect) => !isMended(defect, version)).map(({ message }) => message);
}

function isMended({ mendedIn, alsoIn }: UpstreamDefect, version: Version): boolean {
  if (rowFor([{ from: mendedIn }], version) !== undefined) return true;
  if (alsoIn === undefined || alsoIn[1] !== version[1]) return false;
  return rowFor([{ from: alsoIn }], version) !== undefined;
}
