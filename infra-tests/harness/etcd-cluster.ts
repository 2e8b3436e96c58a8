import { z } from "zod";
import { type EtcdHandle, memberHandle, prepareMember } from "./etcd.ts";
import { waitUntil } from "./wait.ts";

/** Several etcd members that form one cluster. */
export interface EtcdCluster {
  readonly endpoints: readonly string[];
  readonly members: readonly EtcdHandle[];
  /** The member that leads now, as those that answer agree; waits for an election under way. */
  leader(): Promise<EtcdHandle>;
  stop(): Promise<void>;
}

/** Starts `size` etcd members (plain http) and waits until they have a leader. */
export async function startEtcdCluster(size = 3): Promise<EtcdCluster> {
  const prepared = await Promise.all(
    Array.from({ length: size }, (_, index) => prepareMember(`etcd-${index}`, {})),
  );
  const members = prepared.map((member) => memberHandle(member, prepared));
  await Promise.all(members.map((member) => member.restart()));
  return {
    endpoints: members.map(({ endpoint }) => endpoint),
    members,
    leader: () => waitUntil({ what: "etcd has a leader", timeoutMs: 120_000 }, () => findLeader(members)),
    stop: async () => {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}

const Status = z.object({ header: z.object({ member_id: z.string() }), leader: z.string() });

async function findLeader(members: readonly EtcdHandle[]): Promise<EtcdHandle | undefined> {
  const statuses = await Promise.all(members.map((member) => status(member)));
  return members.find((_, index) => {
    const own = statuses[index];
    return own !== undefined && own.leader === own.header.member_id;
  });
}

async function status(member: EtcdHandle): Promise<z.infer<typeof Status> | undefined> {
  try {
    const url = `${member.endpoint}/v3/maintenance/status`;
    const answer = await fetch(url, { method: "POST", body: "{}", signal: AbortSignal.timeout(1_000) });
    return Status.parse(await answer.json());
  } catch {
    // A member that is down leads nothing.
    return undefined;
  }
}
