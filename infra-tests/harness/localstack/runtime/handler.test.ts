import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { removeFolder, temporaryFolder } from "../../temporary-folder.ts";
import { describeError, loadHandler } from "./handler.ts";
import { invoke } from "./invoke.ts";

const FILES = {
  "module.mjs": "export const handler = async (event, context) => [event, context.awsRequestId];",
  "common.js": "exports.handler = (event, context, callback) => callback(null, [event, 'called back']);",
  "common-sync.cjs": "module.exports = { handler: () => 'returned' };",
  "typed/package.json": '{"type":"module"}',
  "typed/index.js": "export default { nested: { handler: async () => 'nested' } };",
  "failing.js":
    "exports.handler = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; callback(new RangeError('no')); };",
};

let root: string;
before(() => {
  root = temporaryFolder("handlers");
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
});
after(() => {
  removeFolder(root);
});

async function call(spec: string): Promise<unknown> {
  const invocation = {
    requestId: "r1",
    payload: '"event"',
    deadlineMs: Date.now(),
    functionArn: "",
    traceId: "",
  };
  return invoke(await loadHandler(root, spec), invocation);
}

test("handlers of both kinds of modules are found and called in their own way", async () => {
  assert.deepEqual(await call("module.handler"), ["event", "r1"]);
  assert.equal(await call("common-sync.handler"), "returned");
  assert.equal(await call("typed/index.nested.handler"), "nested");
  await assert.rejects(call("failing.handler"), RangeError);
});

test("a handler that calls back has answered once its event loop is empty", async () => {
  const answer = call("common.handler");
  setTimeout(() => process.emit("beforeExit", 0), 50);
  assert.deepEqual(await answer, ["event", "called back"]);
});

test("a handler that is not there is reported in Lambda's words", async () => {
  await assert.rejects(call("handler"), { name: "Runtime.MalformedHandlerName" });
  await assert.rejects(call("nowhere.handler"), { name: "Runtime.ImportModuleError" });
  await assert.rejects(call("module.other"), { name: "Runtime.HandlerNotFound" });
});

test("anything thrown can be described", () => {
  const { errorType, errorMessage } = describeError(new TypeError("no"));
  assert.deepEqual([errorType, errorMessage], ["TypeError", "no"]);
  assert.deepEqual(describeError("text"), { errorType: "string", errorMessage: "text", trace: [] });
});
