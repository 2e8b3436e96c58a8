import { isUnread } from "../facts.ts";
import { type Check, pass, warn } from "../check.ts";

const NAMED = 5;

/** Nobody writes behind the aggregated API server's back. */
export const nativeWriters: Check = {
  id: "native-writers",
  title: "nobody but Calico and administrators of the whole cluster may write to projectcalico.org",
  why: "Rights are given for a group, not for a version: who may write projectcalico.org/v3 through the aggregated API server may also write native objects through the second version, past Calico's checks, while the copy is made. Such a write is shown as a conflict, and is never overwritten.",
  severity: "warning",
  fix: "Ask them not to use the version v3precopy, or take the rights away while the migration is going on.",
  judge: ({ writers }) => {
    if (isUnread(writers)) return warn(`it could not be found out: ${writers.unread}`);
    if (writers.length === 0) return pass("nobody may");
    const items = writers.map(({ subject, role, namespace }) =>
      namespace === undefined ? `${subject} (${role})` : `${subject} (${role}) in ${namespace}`,
    );
    const more = items.length > NAMED ? `, and ${items.length - NAMED} more` : "";
    return warn(`${items.slice(0, NAMED).join(", ")}${more} may`, { items });
  },
};
