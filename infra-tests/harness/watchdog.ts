import { spawn } from "node:child_process";
import type { Writable } from "node:stream";

// The shell reads until the pipe from this process ends, which happens however this process dies, SIGKILL included;
// then it kills the process groups and removes the folders that it was told of and that were not taken off since.
const SCRIPT = `
pids=" "; dirs=" "
while read -r what value; do
  case $what in
    +pid) pids="$pids$value " ;;
    -pid) pids="\${pids%% $value *} \${pids#* $value }" ;;
    +dir) dirs="$dirs$value " ;;
    -dir) dirs="\${dirs%% $value *} \${dirs#* $value }" ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
for dir in $dirs; do rm -rf -- "$dir"; done
`;

let pipe: Writable | undefined;

/** What must not outlive this process: the process group that `pid` leads, or a folder (its path without blanks). */
export type Ward = { pid: number } | { dir: string };

/** Has the ward killed or removed when this process ends in any way. */
export function guard(ward: Ward): void {
  tell("+", ward);
}

/** Takes back {@link guard}, because the ward is already gone. */
export function release(ward: Ward): void {
  tell("-", ward);
}

function tell(sign: "+" | "-", ward: Ward): void {
  pipe ??= startWatchdog();
  pipe.write("pid" in ward ? `${sign}pid ${ward.pid}\n` : `${sign}dir ${ward.dir}\n`);
}

function startWatchdog(): Writable {
  // Its own session, so that Ctrl-C in the terminal does not reach it before it has done its work.
  const shell = spawn("/bin/sh", ["-c", SCRIPT], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
  });
  shell.unref();
  (shell.stdin as unknown as { unref: () => void }).unref();
  return shell.stdin;
}
