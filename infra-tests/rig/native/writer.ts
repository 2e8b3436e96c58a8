import { setTimeout as sleep } from "node:timers/promises";
import type { JsonObject } from "../../../shared/json.ts";
import { objectAt } from "../../../shared/kubernetes/fields.ts";
import type { TestApi } from "../../harness/api.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const PAUSE_MS = 150;
/** How long a write may be on its way when the lock comes. */
const IN_FLIGHT_MS = 800;

/** What a user works on: which kind, where, and what it holds for a number. */
interface Subject {
  plural: string;
  kind: string;
  namespace?: string;
  spec(name: string, number: number): JsonObject;
}

const SETS: Subject = {
  plural: "globalnetworksets",
  kind: "GlobalNetworkSet",
  spec: (_name, number) => ({ nets: [`192.0.2.${number % 250}/32`] }),
};
const POLICIES: Subject = {
  plural: "networkpolicies",
  kind: "NetworkPolicy",
  namespace: "default",
  spec: (_name, number) => ({ tier: "default", types: ["Egress"], order: number, selector: "all()" }),
};
const HANDLES: Subject = {
  plural: "ipamhandles",
  kind: "IPAMHandle",
  spec: (name, number) => ({ handleID: name, block: { "10.9.0.0/26": number + 1 } }),
};

/** Something that Calico's clients must find in the native group afterwards. */
export interface Expected {
  /** Path in projectcalico.org/v3. */
  path: string;
  /** Its spec; undefined for what was deleted. */
  spec: JsonObject | undefined;
}

/** Somebody who never stops working with Calico. */
export interface BusyWriter {
  /** What the API server has accepted last of each object. */
  expected(): Expected[];
  /** How many writes it has accepted, by the API and the lock at that time. */
  readonly accepted: Readonly<Record<"old" | "aggregated" | "inFlight" | "native", number>>;
  /** What it has refused; empty when the writer was never hindered. */
  readonly refused: readonly string[];
  /** True once everything has arrived that was on its way when the old group was locked. */
  hasLanded(): boolean;
  stop(): Promise<void>;
}

/**
 * Starts a user who creates, changes and deletes objects through crd.projectcalico.org/v1 and projectcalico.org/v3 at once
 * for as long as the old group is unlocked, once more shortly after it was locked, and through the native group when that
 * is unlocked. Every third object is deleted again.
 */
export function startWriter(api: TestApi): BusyWriter {
  const writer = new Writer(api);
  const running = writer.run();
  return {
    expected: () => [...writer.written].map(([path, spec]) => ({ path, spec })),
    accepted: writer.accepted,
    refused: writer.refused,
    hasLanded: () => writer.hasLanded,
    stop: async () => {
      writer.stopped = true;
      await running;
    },
  };
}

class Writer {
  stopped = false;
  hasLanded = false;
  readonly written = new Map<string, JsonObject | undefined>();
  readonly accepted = { old: 0, aggregated: 0, inFlight: 0, native: 0 };
  readonly refused: string[] = [];
  readonly #api: TestApi;
  #number = 0;

  constructor(api: TestApi) {
    this.#api = api;
  }

  async run(): Promise<void> {
    let wasOpen = false;
    while (!this.stopped) {
      const isOpen = await this.#isReady(OLD);
      if (isOpen) await this.#both("old", "aggregated");
      else if (wasOpen) {
        await sleep(IN_FLIGHT_MS);
        await this.#both("inFlight", "inFlight");
        this.hasLanded = true;
      } else if (await this.#isNative()) await this.#all(NATIVE, [SETS, POLICIES, HANDLES], "native");
      wasOpen = isOpen;
      await sleep(PAUSE_MS);
    }
  }

  async #both(old: keyof Writer["accepted"], aggregated: keyof Writer["accepted"]): Promise<void> {
    await this.#all(OLD, [SETS, HANDLES], old);
    await this.#all(NATIVE, [POLICIES], aggregated);
  }

  /** While the old group stays locked: what is unlocked again on the way back shows its lock as the native one's. */
  async #isNative(): Promise<boolean> {
    return (await this.#isReady(NATIVE)) && !(await this.#isReady(OLD));
  }

  async #isReady(apiVersion: string): Promise<boolean> {
    const { status, body } = await this.#api.request(
      "GET",
      `/apis/${apiVersion}/clusterinformations/default`,
    );
    return status === 200 && objectAt(body, "spec")["datastoreReady"] === true;
  }

  /** Creates an object, changes the one before, and deletes every third of those before that. */
  async #all(apiVersion: string, subjects: readonly Subject[], as: keyof Writer["accepted"]): Promise<void> {
    const number = ++this.#number;
    for (const subject of subjects) {
      await this.#create(apiVersion, subject, number, as);
      const before = this.#latest(subject, number);
      if (before !== undefined) await this.#change(apiVersion, subject, before, as);
      const older = before === undefined ? undefined : this.#latest(subject, before);
      if (older !== undefined && older % 3 === 0) await this.#delete(apiVersion, subject, older, as);
    }
  }

  /** The number of the last object before one. */
  #latest(subject: Subject, below: number): number | undefined {
    for (let number = below - 1; number > 0; number--)
      if (this.written.get(pathOf(NATIVE, subject, nameOf(number))) !== undefined) return number;
    return undefined;
  }

  async #create(apiVersion: string, subject: Subject, number: number, as: keyof Writer["accepted"]) {
    const name = nameOf(number);
    const spec = subject.spec(name, number);
    const object = { apiVersion, kind: subject.kind, metadata: { name }, spec };
    const path = pathOf(apiVersion, subject, name).replace(/\/[^/]+$/, "");
    if (await this.#send("POST", path, as, object)) this.#keep(subject, name, spec);
  }

  async #change(apiVersion: string, subject: Subject, number: number, as: keyof Writer["accepted"]) {
    const name = nameOf(number);
    const spec = subject.spec(name, number + 100);
    if (await this.#send("PATCH", pathOf(apiVersion, subject, name), as, { spec }))
      this.#keep(subject, name, spec);
  }

  async #delete(apiVersion: string, subject: Subject, number: number, as: keyof Writer["accepted"]) {
    const name = nameOf(number);
    if (await this.#send("DELETE", pathOf(apiVersion, subject, name), as))
      this.#keep(subject, name, undefined);
  }

  async #send(method: string, path: string, as: keyof Writer["accepted"], body?: JsonObject) {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const answer = await this.#api.request(method, path, body, type);
    if (answer.status < 300) this.accepted[as]++;
    else
      this.refused.push(
        `${as}: ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body["message"])}`,
      );
    return answer.status < 300;
  }

  #keep(subject: Subject, name: string, spec: JsonObject | undefined): void {
    this.written.set(pathOf(NATIVE, subject, name), spec);
  }
}

function nameOf(number: number): string {
  return `user-${String(number).padStart(4, "0")}`;
}

function pathOf(apiVersion: string, { plural, namespace }: Subject, name: string): string {
  const scope = namespace === undefined ? "" : `namespaces/${namespace}/`;
  return `/apis/${apiVersion}/${scope}${plural}/${name}`;
}
