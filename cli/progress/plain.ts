import type { DomainEvent } from "../../shared/engine/records.ts";
import { numberAt, textAt } from "../../shared/kubernetes/fields.ts";
import type { Snapshot } from "../drive/snapshot.ts";
import { duration, timestamp } from "../output/durations.ts";
import type { Output } from "../world.ts";
import type { Reporter } from "./reporter.ts";
import { Throttle } from "./throttle.ts";
import { currentStage, type StageView, type Viewer } from "./view.ts";

const LOCK_EVERY_MS = 60_000;

/** Tells how a run goes on in plain lines: one for each change of state, and now and then one about the progress. */
export class PlainReporter implements Reporter {
  readonly #stream: Output;
  readonly #viewer: Viewer;
  readonly #throttle = new Throttle();
  /** When the lock was told of last, or when there was none. */
  #saidLocked: number | undefined;

  constructor(stream: Output, viewer: Viewer) {
    this.#stream = stream;
    this.#viewer = viewer;
  }

  show(snapshot: Snapshot): void {
    const view = this.#viewer.view(snapshot);
    for (const event of snapshot.events) {
      this.#say(event.time, eventText(event, view.stages));
      this.#throttle.note(snapshot.now);
    }
    this.#sayLocked(snapshot, view.lockedMs);
    const current = currentStage(view);
    if (current === undefined || !this.#throttle.due(snapshot.now)) return;
    this.#say(snapshot.now, progressText(current, view.lockedMs));
  }

  /** At once when looking on begins inside the lock, and then once a minute. */
  #sayLocked({ now }: Snapshot, lockedMs: number | undefined): void {
    if (lockedMs === undefined) this.#saidLocked = now;
    else if (this.#saidLocked === undefined || now - this.#saidLocked >= LOCK_EVERY_MS) {
      this.#say(now, `DATASTORE LOCKED for ${duration(lockedMs)}: new pods get no network`);
      this.#saidLocked = now;
    }
  }

  pause(): void {
    this.end();
  }

  end(): void {
    this.#throttle.reset();
  }

  #say(time: number, text: string): void {
    this.#stream.write(`${timestamp(time)}  ${text.replace(/\s+/g, " ")}\n`);
  }
}

/** A state change as a sentence. */
function eventText({ type, data }: DomainEvent, stages: readonly StageView[]): string {
  const stage = textAt(data, "stage");
  const message = textAt(data, "message");
  switch (type) {
    case "stage.started":
      return `${stage}: ${stages.find(({ name }) => name === stage)?.title ?? "started"}`;
    case "stage.completed":
      return `${stage}: done${outcomeText(stages.find(({ name }) => name === stage))}`;
    case "run.waiting":
      return `${stage}: waiting (${textAt(data, "reason")}): ${message}`;
    case "run.failed":
      return `${stage}: failed: ${message} (${textAt(data, "code")})`;
    case "run.started":
      return `run starts on ${textAt(data, "cluster")}`;
    case "run.continued":
      return `run goes on: ${textAt(data, "state")}`;
    case "run.ended":
      return `run ${textAt(data, "state")}`;
    case "run.turned":
      return `run goes back${message === "" ? "" : ` by itself: ${message} (${textAt(data, "code")})`}`;
    case "writes.dropped":
      return `WARNING: ${numberAt(data, "count")} accepted writes of others are out of force: ${textAt(data, "next")}`;
    case "datastore.lock-overdue":
      return overdueText(data, message);
    default:
      return [type.replace(".", " "), ...memberTexts(data)].join(" ");
  }
}

function overdueText({ lockedMs, maxLockMs, ...data }: DomainEvent["data"], message: string): string {
  const [locked, most] = [duration(Number(lockedMs)), duration(Number(maxLockMs))];
  const what = textAt(data, "datastore").toUpperCase();
  return `WARNING: ${what} LOCKED for ${locked}, longer than the ${most} of --max-lock${message === "" ? "" : `: ${message}`}`;
}

function memberTexts(data: DomainEvent["data"]): string[] {
  return Object.entries(data).flatMap(([name, value]) =>
    typeof value === "string" || typeof value === "number" ? [`${name}=${value}`] : [],
  );
}

function outcomeText(stage: StageView | undefined): string {
  if (stage === undefined || stage.state !== "done") return "";
  const amount = stage.total === 0 ? "" : `, ${stage.total} resources`;
  const pace = stage.perSecond === undefined ? "" : ` (${Math.round(stage.perSecond)}/s)`;
  return `${amount} in ${duration(stage.elapsedMs)}${pace}`;
}

function progressText(stage: StageView, lockedMs: number | undefined): string {
  const amount = stage.total === 0 ? `${stage.done} so far` : `${stage.done}/${stage.total}`;
  const parts = [`${stage.name}: ${amount}`];
  if (stage.perSecond !== undefined) parts.push(`${Math.round(stage.perSecond)}/s`);
  if (stage.leftMs !== undefined) parts.push(`about ${duration(stage.leftMs)} left`);
  if (lockedMs !== undefined) parts.push(`locked for ${duration(lockedMs)}`);
  if (stage.retries !== undefined) parts.push(stage.retries);
  return parts.join(", ");
}
