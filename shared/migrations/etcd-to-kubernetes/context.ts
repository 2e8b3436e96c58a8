import type { BackwardContext } from "../../calico/backward.ts";
import type { ForwardContext } from "../../calico/forwarded.ts";
import type { StageContext } from "../../engine/migration.ts";
import type { Ledger } from "../../engine/ledger.ts";
import type { Send } from "../../kubernetes/types.ts";
import { call } from "../target/calls.ts";
import type { ClusterConnections } from "../connections.ts";
import { backwardBy, conversionBy, Decisions } from "./decisions.ts";
import { readNodeNames } from "./node-names.ts";
import type { EtcdToKubernetesOptions } from "./options.ts";

/** What the stages of this migration get. */
export type Context = StageContext<ClusterConnections, EtcdToKubernetesOptions>;

/** What preflight has decided: the target group, the revision of the source at which everything was read, Calico's versions. */
export async function decisions(context: Context): Promise<Decisions> {
  return Decisions.parse(await context.notesOf("preflight"));
}

/** What conversions of this run need; the node names are those last recorded. */
export async function conversion(context: Context): Promise<ForwardContext> {
  return conversionBy(await decisions(context), await readNodeNames(context));
}

/** What converting back to etcd needs. */
export async function backConversion(context: Context): Promise<BackwardContext> {
  return backwardBy(await decisions(context), await readNodeNames(context));
}

/** Requests of a stage: through the limiter, while the lease is held, with the tries that reads and repeatable writes get. */
export function sendFor(context: Context): Send {
  return (request) => call(context, () => request(context.connections.kubernetes));
}

/** One checkpoint for every resource that is carried. */
export function resources(context: Context): Ledger {
  return context.ledger("resources");
}

/** What cannot be carried, by etcd key, with the reason; `detail.subject` is what has to be approved. */
export function uncarried(context: Context): Ledger {
  return context.ledger("uncarried");
}

/** What is broken or collides, by etcd key, with the reason: it blocks. */
export function blockers(context: Context): Ledger {
  return context.ledger("blockers");
}

/** What means the same and is spelt in another way in the target, by etcd key, with what was done. */
export function respelled(context: Context): Ledger {
  return context.ledger("respelled");
}

/** What the API server could not judge without writing it, by etcd key, with the reason. */
export function untried(context: Context): Ledger {
  return context.ledger("untried");
}

/** What changed in the source after the pinned revision, by etcd key: the last change of each. */
export function changes(context: Context): Ledger {
  return context.ledger("changes");
}
