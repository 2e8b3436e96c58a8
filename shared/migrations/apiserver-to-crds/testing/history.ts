import { setImmediate } from "node:timers/promises";
import { isApproved } from "../../../engine/approvals.ts";
import { changed } from "../../testing/dumps.ts";
import type { Dice } from "../../testing/dice.ts";
import { Life } from "../../testing/life.ts";
import type { Described, Worker } from "../../testing/run-world.ts";
import { Others } from "./history-others.ts";
import { mismatches } from "./oracle.ts";
import { startWhole, trespasses, wholeWorld, wholeWorldWithoutSecondVersion } from "./whole.ts";
import type { World } from "./world.ts";

/** How long what happens goes on, in steps; then the run is left in peace. */
const EVENTFUL_STEPS = 250;
const MOST_STEPS = 2_000;
const DAYS_MS = 3 * 24 * 3_600_000;
/** The last write before which users may write to the old group: the lock of the native one. */
const LAST_LOCK = /^create projectcalico\.org\/v3(precopy)?\/clusterinformations/;
/** From here on there is no way back. */
const NO_RETURN = "cleanup";

/**
 * A migration to which everything happens that may happen to a cluster meanwhile, as the dice have it: users who write, delete and
 * make again at every moment, through both APIs, and to the native group from its unlock on; finalizers that hold what is deleted;
 * namespaces that come and go, and come back as others; somebody who writes to the copies; others who put back the APIService and
 * the native CRDs; an API server that forgets what has changed; workers that die between a write and its record; days without
 * anybody; and a way back from anywhere.
 */
export class History {
  readonly #world: World;
  readonly #dice: Dice;
  readonly #others: Others;
  readonly #before: Record<string, string>;
  readonly #trespassed: string[];
  /** At which step the run is undone, if it has not ended by then. */
  readonly #undoAt: number;
  /** The subjects that were asked about. */
  readonly #asked = new Set<string>();
  #isUndone = false;
  #step = 0;

  private constructor(world: World, dice: Dice) {
    this.#world = world;
    this.#dice = dice;
    this.#others = new Others(world, dice);
    this.#before = world.cluster.dump();
    this.#trespassed = trespasses(world);
    this.#undoAt = dice.oneIn(3) ? 20 + dice.roll(300) : Infinity;
  }

  /** Plays one to its end. @returns how the groups differ afterwards, or what the run has left of a way back. */
  static async play(dice: Dice): Promise<string[]> {
    using world = await (dice.oneIn(4) ? wholeWorldWithoutSecondVersion() : wholeWorld());
    return await new History(world, dice).#play();
  }

  async #play(): Promise<string[]> {
    await this.#others.settle();
    this.#interfere();
    let worker = this.#world.worker();
    const runId = await startWhole(worker, { approvals: ["unlock"], stopBefore: NO_RETURN });
    for (; this.#step < MOST_STEPS; this.#step++) {
      const described = await this.#world.describe(worker, runId);
      const { state, waiting } = described.run;
      if (state === "RolledBack") return this.#judgeUndone();
      if (waiting?.subject === NO_RETURN) return this.#judge();
      this.#watch(described);
      if (this.#isCalm()) await this.#others.letGo();
      if (worker.life.dead) worker = await this.#rise(worker, runId);
      else if (!(await this.#turnBack(worker, described)) && !(await this.#help(worker, described))) {
        if (!this.#isCalm()) await this.#happen(worker);
        await this.#world.advance(worker);
      }
    }
    const { run } = await this.#world.describe(worker, runId);
    return [`it did not end: ${JSON.stringify([run.track, run.state, run.stage, run.failure, run.waiting])}`];
  }

  #isCalm(): boolean {
    return this.#step > EVENTFUL_STEPS;
  }

  #watch({ stages }: Described): void {
    const isUnlocked = stages.some(({ stage, state }) => stage === "unlock" && state === "done");
    if (isUnlocked && !this.#isUndone) this.#others.using = "native";
  }

  async #judge(): Promise<string[]> {
    const isTheirs = (one: string): boolean =>
      [...this.#others.theirs.keys()].some((id) => one.startsWith(`${id} `));
    const wrong = (await mismatches(this.#world.cluster)).filter((one) => !isTheirs(one));
    return [...wrong, ...this.#others.lost(), ...this.#trespassed];
  }

  /** All is as it was but for what others have done to the old group and their own, and what went with a namespace. */
  #judgeUndone(): string[] {
    const { storage } = this.#world.cluster;
    const isOfUsers = (path: string): boolean =>
      !path.startsWith("projectcalico.org/") && /\/(shop|team)(\/|$)/.test(path);
    const left = changed(this.#before, storage.dump()).filter(
      (path) => !isOfUsers(path) && !this.#others.isOwnerOf(path),
    );
    const now = storage.dump();
    // What users deleted, and the old group has not either, is not there again by going back.
    const late = [...this.#others.theirs].flatMap(([id, order]) =>
      order === undefined && !(oldIdOf(id) in now) ? [] : [id],
    );
    const isAsked = late.length === 0 || this.#asked.has("late-changes");
    const unasked = isAsked ? [] : [`nobody was asked about ${late.join(", ")}`];
    return [...left, ...unasked, ...storage.managedByRuns(), ...this.#trespassed];
  }

  /** Right before, and right after, every write of the run, and before every list, somebody else may write. */
  #interfere(): void {
    const { before, after, lists } = this.#world.meanwhile;
    const meddle = async (request: string): Promise<void> => {
      if (LAST_LOCK.test(request) && this.#others.using === "old") this.#others.using = "nothing";
      if (this.#isCalm()) return;
      if (this.#dice.oneIn(12)) await this.#others.write();
      if (this.#dice.oneIn(40)) this.#others.forget();
      if (this.#dice.oneIn(60)) await this.#others.moveHome();
    };
    for (const moment of [before, after, lists]) moment.push(meddle);
  }

  /** The next life, at once or after days; it dies early too, until peace has come. */
  async #rise(worker: Worker, runId: string): Promise<Worker> {
    worker.close();
    // What was under way when it died has reached the cluster by the time that its lease is over.
    await setImmediate();
    this.#world.clock.advance(this.#dice.oneIn(3) ? DAYS_MS : 60_000);
    if (!this.#isCalm()) for (let acts = this.#dice.roll(4); acts > 0; acts--) await this.#others.happen();
    const isLong = this.#isCalm() || this.#dice.oneIn(3);
    const next = this.#world.worker(isLong ? new Life() : new Life({ writes: 1 + this.#dice.roll(150) }));
    await Promise.race([next.engine.wake(runId), next.life.ended]);
    return next;
  }

  async #happen(worker: Worker): Promise<void> {
    if (this.#dice.oneIn(20)) worker.life.kill();
    else if (this.#dice.oneIn(3)) await this.#others.happen();
  }

  /** Asks again where the worker died before it had taken it down. */
  async #turnBack(worker: Worker, { run, control }: Described): Promise<boolean> {
    if (control.undo !== undefined || this.#step < this.#undoAt) return false;
    this.#isUndone = true;
    if (this.#others.using === "old") await this.#others.putRight();
    this.#others.using = "nothing";
    await this.#ask(worker, () => worker.engine.undo(run.runId, "rollback"));
    return true;
  }

  /** What a person does who finds the run stopped; false when nothing is to do. */
  async #help(worker: Worker, { run, control }: Described): Promise<boolean> {
    if (run.state === "Waiting" && run.waiting?.reason === "Approval") {
      const { subject, fingerprint } = run.waiting;
      if (isApproved(control.approvals, subject, fingerprint)) return false;
      if (subject !== undefined) this.#asked.add(subject);
      // It was put right, and has not been looked at yet.
      if (control.retries > run.retriesSeen) return false;
      const isMeddling = subject === "native-changes" && this.#others.using !== "native";
      if (isMeddling) await this.#others.putRight();
      await this.#ask(worker, () =>
        isMeddling ? worker.engine.resume(run.runId) : worker.engine.approve(run.runId, "test"),
      );
      return true;
    }
    const isFailed = run.state === "Failed" && control.retries === run.retriesSeen;
    if (!isFailed && run.waiting?.reason !== "Conflict") return false;
    await this.#others.letGo();
    await this.#others.putRight();
    // A conflict is over once it is not there any more.
    if (isFailed) await this.#ask(worker, () => worker.engine.resume(run.runId));
    return isFailed;
  }

  async #ask({ life }: Worker, ask: () => Promise<unknown>): Promise<void> {
    await Promise.race([ask(), life.ended]);
  }
}

function oldIdOf(id: string): string {
  return id.replace(/^projectcalico\.org\/v3/, "crd.projectcalico.org/v1");
}
