import { crdName, crdNames, KINDS, type TargetGroup } from "../../../calico/kinds.ts";
import { MigratorError } from "../../../errors.ts";
import type { EtcdKeyValue, EtcdStatus } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource, type CrdState, crdStates } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { findVersion, type FoundVersion, versionByKinds } from "../calico-versions.ts";
import { type Context } from "../context.ts";
import { isCrd } from "../../manifests.ts";
import { readManifest, readRollbackManifest } from "../manifest.ts";
import { currentRevision } from "../source.ts";
import { CLUSTER_INFORMATION_KEY } from "../source-lock.ts";
import { call } from "../../target/calls.ts";
import { CALICO_NODE, readWorkload } from "../workloads.ts";
import { reads } from "../../target/reads.ts";

/** What the connection checks ask about; each is found out once, when it is first asked for. */
export class Facts {
  readonly #context: Context;
  readonly #known = new Map<string, Promise<unknown>>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** etcd's own word on its state. */
  etcdStatus(): Promise<EtcdStatus> {
    return this.#once("etcdStatus", () => this.#context.connections.etcd().status());
  }

  /** The newest revision of the whole etcd cluster; a member's status may lag behind it. */
  currentRevision(): Promise<number> {
    return currentRevision(this.#context.connections.etcd());
  }

  /** The oldest revision that etcd can still read. */
  compactRevision(): Promise<number> {
    return this.#once("compactRevision", () => this.#context.connections.etcd().compactRevision());
  }

  /** The source's ClusterInformation; undefined when there is none. */
  clusterInformation(): Promise<EtcdKeyValue | undefined> {
    return this.#once("clusterInformation", async () => {
      const found = await this.#context.connections.etcd().getMany([CLUSTER_INFORMATION_KEY]);
      return found.get(CLUSTER_INFORMATION_KEY);
    });
  }

  /** The API server's version, for example `v1.36.1`. */
  serverVersion(): Promise<string> {
    return this.#once("serverVersion", async () => {
      const { kubernetes } = this.#context.connections;
      const answer = await call(this.#context, () => kubernetes.request({ method: "GET", path: "/version" }));
      return textAt(answer.body, "gitVersion");
    });
  }

  /** The names of Calico's CRDs in the cluster, with those of the manifest. */
  calicoCrds(): Promise<{ present: ReadonlySet<string>; inManifest: ReadonlySet<string> }> {
    return this.#once("calicoCrds", async () => {
      const manifest = (await this.manifest()).filter(isCrd);
      const present = new Set<string>();
      const options = { metadataOnly: true };
      for await (const page of reads(this.#context).pages(crdResource, options)) {
        for (const crd of page) present.add(textAt(crd, "metadata", "name"));
      }
      return { present, inManifest: new Set(manifest.map((crd) => textAt(crd, "metadata", "name"))) };
    });
  }

  /** The user's manifest; empty without one. */
  manifest(): Promise<JsonObject[]> {
    return this.#once("manifest", () => readManifest(this.#context));
  }

  /** The API group that the target keeps, or will keep, Calico's custom resources in. Throws TARGET_GROUP_AMBIGUOUS. */
  targetGroup(): Promise<TargetGroup> {
    return this.#once("targetGroup", async () => {
      const asked = this.#context.options.targetGroup;
      if (asked !== undefined) return asked;
      const { present, inManifest } = await this.calicoCrds();
      const has = (name: string): boolean => present.has(name) || inManifest.has(name);
      const [v1, v3] = [has("ippools.crd.projectcalico.org"), has("ippools.projectcalico.org")];
      if (v1 && v3) throw ambiguous();
      return v3 ? "projectcalico.org/v3" : "crd.projectcalico.org/v1";
    });
  }

  /** Kinds that the target has no CRD for, and gets none with the manifest. */
  missingKinds(): Promise<ReadonlySet<string>> {
    return this.#once("missingKinds", async () => {
      const group = await this.targetGroup();
      const { present, inManifest } = await this.calicoCrds();
      const missing = KINDS.map(({ kind }) => kind).filter((kind) => {
        const name = crdName(kind, group);
        return name !== undefined && !present.has(name) && !inManifest.has(name);
      });
      return new Set(missing);
    });
  }

  /** The version of the Calico that will use the target. */
  targetVersion(): Promise<FoundVersion> {
    return this.#once("targetVersion", async () => {
      const found = findVersion({
        given: this.#context.options.calicoVersion,
        manifest: await this.manifest(),
        running: await this.calicoNode(),
        clusterInformation: (await this.clusterInformation())?.value,
      });
      return found ?? versionByKinds(await this.missingKinds());
    });
  }

  /** The version of the Calico that uses etcd, now and after a way back; undefined where nothing tells it. */
  etcdVersion(): Promise<FoundVersion | undefined> {
    return this.#once("etcdVersion", async () =>
      findVersion({
        manifest: (await readRollbackManifest(this.#context)) ?? [],
        running: await this.calicoNode(),
        clusterInformation: (await this.clusterInformation())?.value,
      }),
    );
  }

  /** The state of every CRD that the target must have. */
  crds(): Promise<CrdState[]> {
    return this.#once("crds", async () =>
      crdStates(reads(this.#context), crdNames(await this.targetGroup())),
    );
  }

  /** The calico-node DaemonSet of a manifest install; undefined when there is none. */
  calicoNode(): Promise<JsonObject | undefined> {
    return this.#once("calicoNode", () => readWorkload(this.#context, CALICO_NODE));
  }

  #once<T>(name: string, find: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const found = find();
    this.#known.set(name, found);
    return found;
  }
}

function ambiguous(): MigratorError {
  return new MigratorError("TARGET_GROUP_AMBIGUOUS", "the target has Calico CRDs of both API groups", {
    next: "Start again and say which one Calico uses: --target-group v1 (crd.projectcalico.org/v1) or v3 (projectcalico.org/v3).",
  });
}
