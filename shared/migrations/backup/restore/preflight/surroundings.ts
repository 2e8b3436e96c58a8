import { crdResource, crdState } from "../../../../kubernetes/crds.ts";
import { objectAt, textAt } from "../../../../kubernetes/fields.ts";
import { readTarget } from "../../../target/calls.ts";
import { isLeaving } from "../../../target/leaving.ts";
import type { ObjectLine } from "../lines.ts";
import { isCalico } from "../objects.ts";
import type { Context } from "../options.ts";
import type { Item } from "../side.ts";
import { reads } from "../../../target/reads.ts";

const NATIVE_GROUP = "projectcalico.org";

/** What of a cluster decides whether an object can be there. Each is asked once. */
export class Surroundings {
  readonly #context: Context;
  readonly #definitions: ReadonlySet<string>;
  readonly #hidesNative: boolean;
  readonly #known = new Map<string, Promise<string | undefined>>();

  /**
   * @param definitions - the names of those that are there, and of those that the backup brings.
   * @param hidesNative - true while an aggregated API server shows the old group in place of native objects.
   */
  constructor(context: Context, definitions: ReadonlySet<string>, hidesNative: boolean) {
    this.#context = context;
    this.#definitions = definitions;
    this.#hidesNative = hidesNative;
  }

  /** Why an object cannot be put back here; undefined when it can. */
  async whyNot({ line }: Item): Promise<string | undefined> {
    if (!("object" in line)) return undefined;
    const { ref, object } = line;
    if (ref.plural === "nodes") {
      const name = textAt(object, "metadata", "name");
      return this.#missing("nodes", name, `there is no Node "${name}"`);
    }
    const [group = ""] = ref.apiVersion.split("/");
    if (group === NATIVE_GROUP && this.#hidesNative) return "an aggregated API server hides native objects";
    if (isCalico(ref) && !this.#definitions.has(`${ref.plural}.${group}`))
      return `the cluster has no ${ref.plural}.${group}, nor has the backup`;
    const namespace = textAt(object, "metadata", "namespace");
    // Put back, it would live on: nobody can create an object whose deletion is pending.
    if (isLeaving(object)) return "it was being deleted when the backup was made";
    if (namespace === "") return undefined;
    const why = await this.#missing("namespaces", namespace, `there is no namespace "${namespace}"`);
    return why ?? (ref.apiVersion === "apps/v1" ? this.#withoutAccount(line, namespace) : undefined);
  }

  /** A workload whose account is not there was installed otherwise, or not at all. */
  #withoutAccount({ object }: ObjectLine, namespace: string): Promise<string | undefined> {
    const name = textAt(objectAt(object, "spec", "template", "spec"), "serviceAccountName") || "default";
    return this.#missing("serviceaccounts", name, `its service account "${name}" is not there`, namespace);
  }

  #missing(plural: string, name: string, why: string, namespace?: string): Promise<string | undefined> {
    const key = `${plural}/${namespace ?? ""}/${name}`;
    const asked = this.#known.get(key) ?? this.#ask({ plural, name, namespace }, why);
    this.#known.set(key, asked);
    return asked;
  }

  async #ask(
    { plural, name, namespace }: { plural: string; name: string; namespace: string | undefined },
    why: string,
  ): Promise<string | undefined> {
    const place = namespace === undefined ? {} : { namespace };
    const found = await readTarget(this.#context, { apiVersion: "v1", plural, name, ...place });
    if (found === undefined) return why;
    return textAt(found, "metadata", "deletionTimestamp") === ""
      ? undefined
      : `${plural} "${name}" is being deleted`;
  }
}

/** The definitions of Calico's resources that can be written to, by name. */
export async function establishedDefinitions(context: Context): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const page of reads(context).pages(crdResource, { pageSize: 50, signal: context.signal }))
    for (const crd of page) if (crdState(crd).established) names.add(textAt(crd, "metadata", "name"));
  return names;
}
