import { OutputFlags } from "./options/common.ts";
import { ConnectionFlags, wayWords } from "./options/connection.ts";
import { placeWords, quoted } from "./place-words.ts";

/** What needs no place, and what is a part of a longer line. */
const PLACELESS: ReadonlySet<string> = new Set(["completion", "rbac", "version"]);
/** What reaches a cluster that nothing but the command line names. */
const REACHING: ReadonlySet<string> = new Set(["backup", "plan", "preflight", "restore", "start", "unlock"]);

const COMMAND = /`calico-migrator ([^`]+)`/g;

/**
 * Advice with the place, and the way to the cluster, of the command line that it answers: whoever follows it to the letter must not meet
 * another store. `given` are the options of that command line; those that a command of the advice names itself stay as they are.
 */
export function inPlace(advice: string, given: unknown): string {
  const place = OutputFlags.safeParse(given);
  const way = ConnectionFlags.safeParse(given);
  if (!place.success) return advice;
  return advice.replaceAll(COMMAND, (whole, line: string) => {
    const [command = "", second = ""] = line.split(" ");
    if (PLACELESS.has(command) || line === "backup export" || line.includes("--help")) return whole;
    const isPlaced = /--(store|aws|profile)\b/.test(line);
    const reaches = REACHING.has(command) && !/^(export|import)$/.test(second);
    const isReached = /--(cluster|kubeconfig|context|etcd-endpoints)\b/.test(line);
    const words = [
      ...(reaches && !isReached && way.success ? wayWords(way.data) : []),
      ...(isPlaced ? [] : placeWords(place.data)),
    ];
    return `\`${["calico-migrator", line, ...words.map(quoted)].join(" ")}\``;
  });
}
