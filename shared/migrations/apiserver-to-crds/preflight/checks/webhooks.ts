import { isUnread, type WebhookFact } from "../facts.ts";
import { block, type Check, pass, warn } from "../check.ts";

/** Nothing refuses the migration's writes. */
export const webhooks: Check = {
  id: "webhooks",
  title: "no webhook refuses or changes what the migration writes",
  why: "A webhook is asked about every version of a resource. Calico's own refuses writes to ClusterInformation by anyone but Calico, and the lock is a field of it; one that cannot be reached and fails closed refuses every write.",
  severity: "blocking",
  fix: "Delete the webhook configuration, or let it leave out the migration's user with a match condition, until the migration is done.",
  judge: ({ webhooks: found }) => {
    if (isUnread(found)) return warn(`it could not be found out: ${found.unread}`);
    const refusing = found.filter(
      (one) => one.guardsClusterInformation || (one.failsClosed && !one.reachable),
    );
    if (refusing.length > 0) {
      const items = refusing.map(nameOf);
      return block(refusing.map(reasonOf).join("; "), { items });
    }
    if (found.length === 0) return pass("there is none for projectcalico.org");
    const items = found.map(nameOf);
    return warn(`${items.join(", ")} will be asked about the migration's writes`, {
      items,
      next: "Make sure that they let the migration's user write, and change nothing.",
    });
  },
};

function nameOf({ configuration, name }: WebhookFact): string {
  return `${configuration} (${name})`;
}

function reasonOf(webhook: WebhookFact): string {
  if (webhook.guardsClusterInformation) return `${nameOf(webhook)} judges writes to ClusterInformation`;
  return `${nameOf(webhook)} fails closed, and its service ${webhook.service ?? ""} does not exist`;
}
