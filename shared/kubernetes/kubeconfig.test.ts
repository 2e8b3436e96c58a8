import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { suite, test } from "node:test";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { type KubeconfigSource, resolveContext } from "./kubeconfig.ts";
import { temporaryFolder } from "./testing/connect-fake.ts";

function config(name: string, user: JsonObject = { token: `${name}-token` }): JsonObject {
  return {
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server: `https://${name}:6443`, "certificate-authority": "ca.crt" } }],
    users: [{ name, user }],
  };
}

async function refusal(source: KubeconfigSource): Promise<MigratorError> {
  try {
    await resolveContext(source);
  } catch (error) {
    assert(error instanceof MigratorError, String(error));
    return error;
  }
  return assert.fail("accepted");
}

suite("kubeconfig", () => {
  test("of several files the first to name something wins, and missing ones do not matter", async (t) => {
    const folder = await temporaryFolder(t);
    const [one, two, none] = ["one", "two", "none"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeFile(one, JSON.stringify(config("a")));
    const other = config("b");
    const shadowed = config("a", { token: "shadowed" });
    await writeFile(
      two,
      JSON.stringify({ ...other, users: [...(other["users"] as []), ...(shadowed["users"] as [])] }),
    );
    const env = { KUBECONFIG: [none, one, two].join(delimiter), HOME: folder };
    const current = await resolveContext({ env });
    assert.equal(current.server, "https://a:6443");
    assert.deepEqual(current.user, { token: "a-token" });
    assert.equal((await resolveContext({ env, context: "b" })).server, "https://b:6443");
  });

  test("without KUBECONFIG it is ~/.kube/config", async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, ".kube"));
    await writeFile(join(folder, ".kube", "config"), JSON.stringify(config("home")));
    assert.equal((await resolveContext({ env: { HOME: folder } })).name, "home");
  });

  test("paths are relative to the file; a bare plugin name is left to PATH", async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, "config");
    const paths = { tokenFile: "t", "client-certificate": "/abs/c", exec: { command: "./plugin" } };
    await writeFile(file, JSON.stringify(config("a", paths)));
    const { cluster, user } = await resolveContext({ kubeconfig: file });
    assert.equal(cluster["certificate-authority"], join(folder, "ca.crt"));
    assert.deepEqual(user, {
      tokenFile: join(folder, "t"),
      "client-certificate": "/abs/c",
      exec: { command: join(folder, "plugin") },
    });
    await writeFile(file, JSON.stringify(config("a", { exec: { command: "aws" } })));
    assert.deepEqual((await resolveContext({ kubeconfig: file })).user, { exec: { command: "aws" } });
  });

  test("no file at all names where was looked; a file that is given is read, and so is KUBECONFIG", async (t) => {
    const folder = await temporaryFolder(t);
    const given = await refusal({ kubeconfig: join(folder, "nope") });
    assert.equal(given.code, "KUBECONFIG_NOT_FOUND");
    assert.match(given.message, /nope/);
    assert.match((await refusal({ env: { HOME: folder } })).message, /\.kube\/config/);
    assert.equal(given.next, "Give the file with --kubeconfig, or set KUBECONFIG.");
    const file = join(folder, "config");
    await writeFile(file, JSON.stringify(config("a")));
    assert.equal((await resolveContext({ kubeconfig: file })).name, "a");
    assert.equal((await resolveContext({ env: { HOME: folder, KUBECONFIG: file } })).name, "a");
  });

  test("a missing context lists the ones there are, which are taken", async (t) => {
    const file = join(await temporaryFolder(t), "config");
    await writeFile(file, JSON.stringify(config("a")));
    const error = await refusal({ kubeconfig: file, context: "b" });
    assert.equal(error.code, "KUBECONFIG_CONTEXT_MISSING");
    assert.match(error.message, /no context "b"; there are: a/);
    assert.equal(error.next, "Choose one of the contexts with --context.");
    assert.equal((await resolveContext({ kubeconfig: file, context: "a" })).name, "a");
  });

  test("what is broken is named without being quoted, and read once it is corrected", async (t) => {
    const file = join(await temporaryFolder(t), "config");
    const broken: [string, RegExp][] = [
      ["users:\n- name: a\n  user: {token: s3cret", /is not YAML/],
      ["just text s3cret", /no mapping at its root/],
      [JSON.stringify({ ...config("a"), clusters: "s3cret" }), /clusters is not a list/],
      [JSON.stringify({ ...config("a"), users: [{ user: { token: "s3cret" } }] }), /users\[0\] has no name/],
      [JSON.stringify({ ...config("a"), clusters: [] }), /cluster "a" is not defined/],
      [JSON.stringify({ ...config("a"), users: [] }), /user "a" is not defined/],
      [JSON.stringify({ ...config("a"), clusters: [{ name: "a", cluster: {} }] }), /has no server/],
    ];
    for (const [text, message] of broken) {
      await writeFile(file, text);
      const error = await refusal({ kubeconfig: file });
      assert.equal(error.code, "KUBECONFIG_INVALID");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /s3cret/);
      assert.equal(error.next, "Correct the kubeconfig.");
    }
    await writeFile(file, JSON.stringify(config("a")));
    assert.equal((await resolveContext({ kubeconfig: file })).name, "a");
  });
});
