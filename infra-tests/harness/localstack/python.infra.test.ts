import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ensureLocalStackPython, type LocalStackPython, PYTHON_SOURCES } from "./python.ts";
import { run } from "./run.ts";

let localStack: LocalStackPython;
before(async () => {
  localStack = await ensureLocalStackPython();
});

test("the plugin for LocalStack passes its own tests", async () => {
  const args = ["-m", "unittest", "discover", "-s", `${PYTHON_SOURCES}/tests`, "-t", PYTHON_SOURCES];
  const { status, stderr } = await run(localStack.python, args, localStack.env);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Ran \d\d+ tests/);
});

test("LocalStack finds the plugin's parts", async () => {
  const program =
    "from importlib.metadata import entry_points\n" +
    "for point in entry_points():\n" +
    "    if point.value.startswith('calico_localstack'): print(point.group, point.load().__name__)";
  const { stdout } = await run(localStack.python, ["-c", program], localStack.env);
  assert.deepEqual(stdout.trim().split("\n").sort(), [
    "localstack.hooks.on_infra_start start",
    "localstack.hooks.on_runtime_create prepare",
    "localstack.lambda.runtime_executor ProcessExecutorPlugin",
  ]);
});
