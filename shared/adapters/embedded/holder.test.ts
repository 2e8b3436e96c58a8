import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { setTimeout } from "node:timers/promises";
import { describe, test } from "node:test";
import { holderName, isHolderDead } from "./holder.ts";

const hasProc = existsSync("/proc/self/stat");
const parts = holderName().split(":");
const [machine = "", boot = "", pidNamespace = ""] = parts[1]?.split("/") ?? [];

/** This process's name with some of its parts replaced. */
function holderWith(over: { host?: string; place?: string; pid?: string; startTime?: string }): string {
  const [host, place, pid, startTime, random] = parts;
  const { host: h = host, place: b = place, pid: p = pid, startTime: s = startTime } = over;
  return [h, b, p, s, random].join(":");
}

describe("a holder of a lease", () => {
  test("has a name of its own each time", () => {
    assert.equal(parts.length, 5);
    assert.notEqual(holderName(), holderName());
  });

  test("lives while its process does", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(child, "spawn");

    assert.equal(isHolderDead(holderName()), false);
    assert.equal(isHolderDead(holderWith({ pid: String(child.pid), startTime: "" })), false);

    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(isHolderDead(holderWith({ pid: String(child.pid), startTime: "" })), true);
  });

  test("is dead when its process has ended", () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);

    assert.equal(isHolderDead(holderWith({ pid: String(pid) })), true);
  });

  test(
    "is dead when its process has ended and waits for its parent",
    { skip: !hasProc, timeout: 30_000 },
    async () => {
      // The shell becomes a program that never asks how its child ended.
      const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 60"]);
      const [pid] = (await once(createInterface(parent.stdout), "line")) as [string];

      while (!isHolderDead(holderWith({ pid, startTime: "" }))) await setTimeout(5);

      parent.kill("SIGKILL");
    },
  );

  test("is dead when another process has its pid", { skip: parts[3] === "" }, () => {
    assert.equal(isHolderDead(holderWith({ startTime: "1" })), true);
  });

  test("is dead when the machine was booted since", { skip: machine === "" || boot === "" }, () => {
    assert.equal(isHolderDead(holderWith({ place: `${machine}/another-boot/${pidNamespace}` })), true);
  });

  test("of another machine with the same host name cannot be judged", () => {
    const other = "f".repeat(32);
    assert.equal(
      isHolderDead(holderWith({ place: `${other}/${boot}/${pidNamespace}`, startTime: "1" })),
      false,
    );
    assert.equal(isHolderDead(holderWith({ place: `${other}/another-boot/${pidNamespace}` })), false);
    assert.equal(isHolderDead(holderWith({ place: `/another-boot/${pidNamespace}` })), false);
  });

  test("cannot be judged from another host, or from another container of this one", () => {
    assert.equal(isHolderDead(holderWith({ host: "another", startTime: "1" })), false);
    assert.equal(isHolderDead(holderWith({ place: `${machine}/${boot}/1`, startTime: "1" })), false);
  });

  for (const name of [
    "",
    "worker",
    "a:b",
    "a:b/1:2:1:ff",
    "a:/b/1:0:1:ff",
    "a:/b/1:-5:1:ff",
    `${parts.join(":")}:more`,
  ]) {
    test(`is not judged by a name of another form, such as "${name}"`, () => {
      assert.equal(isHolderDead(name), false);
    });
  }
});
