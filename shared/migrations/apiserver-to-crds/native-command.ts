import type { Checkpoint } from "../../engine/records.ts";
import { kubectlCommand } from "../../kubernetes/kubectl-command.ts";
import { detailOf, type ResourceDetail } from "../copying/ledger-detail.ts";

const NAMED = 5;

type Mending = NonNullable<ResourceDetail["mending"]>;

/**
 * The command with which kubectl reaches a native object at this moment: its short name may be the old group's, as long as an
 * aggregated API server serves that.
 *
 * @param version - the apiVersion that shows native objects now
 * @param id - the native object's id
 */
export function nativeCommand(mending: Mending, version: string, id: string): string {
  const [plural = "", ...place] = id.split("/").slice(2);
  const [name = "", namespace] = place.toReversed();
  const ref = { apiVersion: version, plural, name };
  return kubectlCommand(mending, namespace === undefined ? ref : { ...ref, namespace });
}

/** What `next` says of the first of these differences that a person mends in the native group; empty where there are none. */
export function mendingCommands(version: string, differing: readonly Checkpoint[]): string {
  const commands = differing.slice(0, NAMED).flatMap((row) => {
    const { mending } = detailOf(row);
    return mending === undefined ? [] : [`\`${nativeCommand(mending, version, row.target)}\``];
  });
  return commands.length === 0
    ? ""
    : ` By the names under which kubectl reaches them now: ${commands.join("; ")}.`;
}
