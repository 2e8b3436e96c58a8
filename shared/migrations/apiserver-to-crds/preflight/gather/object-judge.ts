import type { NativeKind } from "../../../../calico/native/native-kinds.ts";
import { type CarriedNative, toNative } from "../../../../calico/native/to-native.ts";
import { targetId } from "../../../../calico/target.ts";
import type { Checkpoint } from "../../../../engine/records.ts";
import type { JsonObject } from "../../../../json.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { applyDefaults } from "../../../../kubernetes/structural-schema.ts";
import { sizeFault } from "../../../copying/try-object.ts";
import { fit } from "../../../target/fit.ts";
import { isLeaving } from "../../../target/leaving.ts";
import { allOf, schemaFaults } from "../../../target/schema-faults.ts";
import { leavingLossOf, lossOf } from "../../losses.ts";
import { keyOf, revisionOf } from "../../native-task.ts";
import { objectName } from "../../object-names.ts";
import type { Facts } from "../facts.ts";
import { exceeded, type Quota } from "./quotas.ts";
import { NameList } from "./name-list.ts";

const OLD = "crd.projectcalico.org/v1";

/** What single objects are judged by. */
export interface Surroundings {
  /** The schemas of the native CRDs, by native plural: of those in the cluster, else of those in the manifest. */
  schemas: ReadonlyMap<string, JsonObject>;
  /** The namespaces in which something can be created. */
  namespaces: ReadonlySet<string>;
  quotas: readonly Quota[];
  /** The keys of the v1 objects that are left out. */
  leftOut: ReadonlySet<string>;
  /** Those of them of which it is told when they are not there: the others were there when somebody left them out. */
  mustBeThere: ReadonlySet<string>;
}

/** What was found about single objects, for the ledgers. */
export interface Found {
  blocked: Checkpoint[];
  lost: Checkpoint[];
}

/** Judges the objects of the old group one by one: what each becomes, and all that stands in the way of it. */
export class ObjectJudge {
  readonly #surroundings: Surroundings;
  readonly #changed = new NameList();
  readonly #broken = new NameList();
  readonly #refused = new NameList();
  readonly #colliding = new NameList();
  readonly #homeless = new NameList();
  readonly #overQuota = new NameList();
  readonly #leftOut = new NameList();
  readonly #missing: Set<string>;
  /** Of the kind that is being judged: the v1 object of each native one, and how many there are by namespace. */
  #kind: NativeKind | undefined;
  readonly #targets = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#missing = new Set(surroundings.mustBeThere);
  }

  /** Judges a page; the pages of a kind come one after the other. */
  page(kind: NativeKind, objects: readonly JsonObject[]): Found {
    if (this.#kind !== kind) this.#endKind();
    this.#kind = kind;
    const found: Found = { blocked: [], lost: [] };
    for (const object of objects) this.#judge(kind, { ...object, apiVersion: OLD, kind: kind.v1Kind }, found);
    return found;
  }

  /** What was found in all. */
  facts(): Pick<Facts, "conversions" | "objects"> {
    this.#endKind();
    return {
      conversions: { changed: this.#changed.listed(), broken: this.#broken.listed() },
      objects: {
        refused: this.#refused.listed(),
        colliding: this.#colliding.listed(),
        homeless: this.#homeless.listed(),
        overQuota: this.#overQuota.listed(),
        leftOut: this.#leftOut.listed(),
        leftOutMissing: [...this.#missing].sort(),
      },
    };
  }

  #judge(kind: NativeKind, v1: JsonObject, found: Found): void {
    const key = keyOf(kind, v1);
    const name = objectName(kind, v1);
    if (this.#surroundings.leftOut.has(key)) {
      this.#missing.delete(key);
      this.#leftOut.add(name);
      found.lost.push(lossOf(kind, v1));
      return;
    }
    if (isLeaving(v1)) {
      found.lost.push(leavingLossOf(kind, v1));
      return;
    }
    const native = toNative(v1);
    if (native.outcome === "broken") {
      this.#broken.add(`${name} (${native.reason})`);
      found.blocked.push(blocked(kind, v1, native.code, [native.reason]));
      return;
    }
    if (native.changes !== undefined) this.#changed.add(name);
    const faults = this.#faultsOf(kind, { v1, name, native });
    if (faults.length > 0) found.blocked.push(blocked(kind, v1, "WOULD_BE_REFUSED", faults));
  }

  #faultsOf(
    kind: NativeKind,
    { v1, name, native }: { v1: JsonObject; name: string; native: CarriedNative },
  ): string[] {
    const refusals = this.#refusalsOf(kind, native, v1);
    if (refusals.length > 0) this.#refused.add(`${name} (${allOf(refusals)})`);
    const target = targetId(native.target);
    const other = this.#targets.get(target) ?? name;
    this.#targets.set(target, other);
    const collision = other === name ? [] : [`it becomes the same native object as ${other}`];
    if (other !== name) this.#colliding.add(`${name} and ${other}`);
    const namespace = textAt(v1, "metadata", "namespace");
    const isHomeless = kind.namespaced && !this.#surroundings.namespaces.has(namespace);
    if (isHomeless) this.#homeless.add(name);
    else if (kind.namespaced) this.#counts.set(namespace, (this.#counts.get(namespace) ?? 0) + 1);
    const gone = isHomeless ? [`there is no namespace "${namespace}", or it is being deleted`] : [];
    return [...refusals, ...collision, ...gone];
  }

  /** As far as the schema tells; the API server judges the rest before anything is copied. */
  #refusalsOf({ plural }: NativeKind, { object }: CarriedNative, v1: JsonObject): string[] {
    const schema = this.#surroundings.schemas.get(plural);
    const fitted = schema === undefined ? object : fit(schema, object).object;
    const tooLarge = sizeFault(schema === undefined ? fitted : applyDefaults(schema, fitted), v1);
    const faults = schema === undefined ? [] : schemaFaults(schema, fitted);
    return tooLarge === undefined ? faults : [...faults, tooLarge];
  }

  #endKind(): void {
    for (const [namespace, count] of this.#counts)
      for (const clause of this.#kind === undefined
        ? []
        : exceeded(this.#surroundings.quotas, this.#kind, namespace, count))
        this.#overQuota.add(clause);
    this.#targets.clear();
    this.#counts.clear();
  }
}

function blocked(kind: NativeKind, v1: JsonObject, code: string, faults: readonly string[]): Checkpoint {
  const key = keyOf(kind, v1);
  return {
    ...{ rank: kind.rank, key, target: key, state: "failed", sourceRevision: revisionOf(v1) },
    detail: { kind: kind.kind, code, reason: allOf(faults) },
  };
}
