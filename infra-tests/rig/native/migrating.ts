import assert from "node:assert/strict";
import { join } from "node:path";
import { NATIVE_KINDS } from "../../../shared/calico/native/native-kinds.ts";
import { objectsAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest } from "../../harness/api.ts";
import type { LifeRequest } from "../../crash/lives.ts";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { waitUntil } from "../../harness/wait.ts";
import { openEngine, startNativeRun, type TestEngine } from "../runs.ts";
import { type NativeBed, type NativeBedOptions, startNativeBed } from "./bed.ts";

/** What a run is started with. */
export interface NativeRequest {
  approvals?: readonly string[];
  stopBefore?: string;
  /** Beside the manifest; default: quick, and in many batches. */
  options?: Readonly<Record<string, unknown>>;
}

const QUICK = { quietMs: 100, batchSize: 20 };

/** A bed, and an engine that migrates it. */
export class MigratingBed {
  readonly bed: NativeBed;
  readonly rig: TestEngine;
  readonly #store: string;
  readonly #stop: () => Promise<void>;

  private constructor(bed: NativeBed, rig: TestEngine, store: string, stop: () => Promise<void>) {
    this.bed = bed;
    this.rig = rig;
    this.#store = store;
    this.#stop = stop;
  }

  static async start(options: NativeBedOptions): Promise<MigratingBed> {
    const bed = await startNativeBed(options);
    const migrating = MigratingBed.on(bed);
    return new MigratingBed(bed, migrating.rig, migrating.#store, async () => {
      await migrating.stop();
      await bed.stop();
    });
  }

  /** An engine with a store of its own, and so many requests at a time, on a bed that outlives it. */
  static on(bed: NativeBed, options: { concurrency?: number } = {}): MigratingBed {
    const folder = temporaryFolder("migrating-bed");
    const store = join(folder, "store.db");
    const rig = openEngine(store, { kubeconfig: bed.kubernetes.kubeconfig }, options);
    return new MigratingBed(bed, rig, store, () => {
      rig.close();
      removeFolder(folder);
      return Promise.resolve();
    });
  }

  /** Starts a run and returns its id. */
  startRun({ options = QUICK, ...request }: NativeRequest = {}): Promise<string> {
    return startNativeRun(this.rig, { crds: this.bed.manifestFile, ...options }, request);
  }

  /** What a worker process needs to work on a run. */
  lifeOf(runId: string): LifeRequest {
    return { store: this.#store, kubeconfig: this.bed.kubernetes.kubeconfig, runId };
  }

  /** Drives a run until it needs somebody or nothing: it must then wait for `end`, or be in that state. */
  async reaches(runId: string, end: string): Promise<void> {
    const { state, stage, failure, waiting } = await this.rig.drive(runId);
    assert.equal(waiting?.subject ?? state, end, JSON.stringify([stage, failure, waiting]));
  }

  /** Lets a run go on from where it was started to stop; it stops before that stage next, or nowhere. */
  async goOn(runId: string, stopBefore: string | undefined): Promise<void> {
    await this.rig.engine.approve(runId, "test");
    await this.rig.embedded.store.updateControl(runId, ({ stopBefore: _before, ...control }) => ({
      ...control,
      ...(stopBefore === undefined ? {} : { stopBefore }),
    }));
  }

  /** Takes a run back. */
  async undo(runId: string, kind: "abort" | "rollback"): Promise<void> {
    await this.rig.engine.undo(runId, kind);
    await this.reaches(runId, kind === "abort" ? "Aborted" : "RolledBack");
  }

  /** The native group holds as many objects of each kind as the old one did, and `more` of some. */
  async assertMoved(more: (plural: string) => number = () => 0): Promise<void> {
    for (const { kind, plural } of NATIVE_KINDS) {
      // An API server that has come back answers 429 until its cache of a resource is full.
      const list = await waitUntil({ what: `${plural} can be listed`, timeoutMs: 120_000 }, () =>
        mustRequest(this.bed.api, "GET", `/apis/projectcalico.org/v3/${plural}`),
      );
      assert.equal(objectsAt(list, "items").length, (this.bed.expected.get(kind) ?? 0) + more(plural), kind);
    }
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
