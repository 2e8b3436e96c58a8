import cliProgress from "cli-progress";
import { duration } from "../output/durations.ts";
import type { Paint } from "../output/paint.ts";
import type { RunView, StageView } from "./view.ts";

const BAR_OPTIONS = {
  barsize: 24,
  barCompleteString: "█".repeat(24),
  barIncompleteString: "░".repeat(24),
  barGlue: "",
};
const NAME_WIDTH = 18;

/**
 * The lines of a run on a terminal: one for the run, with the lock timer, then one for each stage; where the terminal
 * has fewer rows, only the last stages.
 */
export function frame(view: RunView, paint: Paint, rows = Infinity): string[] {
  const shown = view.stages.slice(-Math.max(1, Math.min(rows - 2, view.stages.length)));
  return [header(view, paint), ...shown.map((stage) => stageLine(stage, paint))];
}

function header(view: RunView, paint: Paint): string {
  const parts = [
    // A narrow terminal cuts off what is behind; names may be as long as they like.
    ...(view.lockedMs === undefined ? [] : [paint("bad", `LOCKED for ${duration(view.lockedMs)}`)]),
    paint("strong", view.runId),
    `on ${view.cluster}`,
    stateText(view.state, paint),
    duration(view.elapsedMs),
  ];
  return parts.join("  ");
}

function stateText(state: RunView["state"], paint: Paint): string {
  if (state === "Succeeded") return paint("good", state);
  if (state === "Failed") return paint("bad", state);
  return state === "Running" ? state : paint("attention", state);
}

function stageLine(stage: StageView, paint: Paint): string {
  const name = stage.name.padEnd(NAME_WIDTH);
  switch (stage.state) {
    case "done":
      return `${paint("good", "✔")} ${name} ${outcome(stage)}`;
    case "failed":
      return `${paint("bad", "✖")} ${name} ${paint("bad", oneLine(stage.message))}`;
    case "waiting":
      return `${paint("attention", "◷")} ${name} ${paint("attention", oneLine(stage.message))}`;
    case "stopped":
      return paint("faint", `◼ ${name} stopped, as the run goes back${amountOf(stage)}`);
    case "running":
      return `▸ ${name} ${stage.total === 0 ? activity(stage, paint) : bar(stage)}${retries(stage, paint)}`;
  }
}

function retries({ retries: text }: StageView, paint: Paint): string {
  return text === undefined ? "" : `  ${paint("attention", oneLine(text))}`;
}

function outcome(stage: StageView): string {
  const time = duration(stage.elapsedMs);
  return stage.total === 0 ? time : `${number(stage.total)} in ${time}${rate(stage)}`;
}

function activity(stage: StageView, paint: Paint): string {
  const soFar = stage.done === 0 ? "" : `  ${number(stage.done)} so far`;
  return `${paint("faint", stage.title)}${soFar}  ${duration(stage.elapsedMs)}`;
}

function amountOf({ done, total }: StageView): string {
  return total === 0 ? "" : ` at ${number(done)}/${number(total)}`;
}

function bar(stage: StageView): string {
  const share = stage.done / stage.total;
  const left = stage.leftMs === undefined ? "" : `, ${duration(stage.leftMs)} left`;
  const amount = `${number(stage.done)}/${number(stage.total)}`;
  return `${cliProgress.Format.BarFormat(share, BAR_OPTIONS)} ${percent(share)}  ${amount}${rate(stage)}${left}`;
}

function rate({ perSecond }: StageView): string {
  return perSecond === undefined ? "" : `, ${number(Math.round(perSecond))}/s`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`.padStart(4);
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function oneLine(text: string | undefined): string {
  return (text ?? "").replace(/\s+/g, " ");
}
