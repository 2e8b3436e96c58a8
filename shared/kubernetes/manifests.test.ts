import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { MigratorError } from "../errors.ts";
import { textAt } from "./fields.ts";
import { loadManifests, type LoadOptions } from "./manifests.ts";
import { temporaryFolder } from "./testing/connect-fake.ts";

function configMap(name: string, rest = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${rest}`;
}

async function fileWith(t: TestContext, text: string): Promise<string> {
  const file = join(await temporaryFolder(t), "calico.yaml");
  await writeFile(file, text);
  return file;
}

async function names(source: string): Promise<string[]> {
  return (await loadManifests(source)).map((object) => textAt(object, "metadata", "name"));
}

async function refusal(source: string, options?: LoadOptions): Promise<MigratorError> {
  try {
    await loadManifests(source, options);
  } catch (error) {
    assert(error instanceof MigratorError, String(error));
    return error;
  }
  return assert.fail("accepted");
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

suite("files", () => {
  test("documents, comments and lists are unpacked in their order", async (t) => {
    const list = JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: ["b", "c"].map((name) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } })),
    });
    const file = await fileWith(
      t,
      `# first\n---\n${configMap("a")}---\n# nothing\n---\n${list}\n---\n${configMap("d")}`,
    );
    assert.deepEqual(await names(file), ["a", "b", "c", "d"]);
  });

  test("YAML is read as kubectl reads it", async (t) => {
    const values =
      "mode: 0644\nflag: yes\nother: off\nday: 2026-01-02\ntime: 12:30:45\nbase: &b {x: 1}\nmerged: {<<: *b}\n";
    const [object] = await loadManifests(await fileWith(t, configMap("a", values)));
    assert.deepEqual(
      { ...object, apiVersion: undefined, kind: undefined, metadata: undefined },
      {
        mode: 420,
        flag: true,
        other: false,
        day: "2026-01-02",
        time: "12:30:45",
        base: { x: 1 },
        merged: { x: 1 },
        apiVersion: undefined,
        kind: undefined,
        metadata: undefined,
      },
    );
  });

  test("a directory is read with its subdirectories, sorted, other files left out", async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, "m", "deep.yaml"), { recursive: true });
    await writeFile(join(folder, "z.yml"), configMap("z"));
    await writeFile(join(folder, "a.yaml"), configMap("a"));
    await writeFile(
      join(folder, "m", "m.json"),
      '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"m"}}',
    );
    await writeFile(join(folder, "README.md"), "# not YAML: [");
    assert.deepEqual(await names(folder), ["a", "m", "z"]);
  });

  test("what is broken is named with file, document and line, and not quoted", async (t) => {
    const broken: [string, RegExp][] = [
      [`${configMap("a")}---\n${configMap("b", "data: {k: s3cret")}`, /document 2, line \d+: not valid YAML/],
      [
        `${configMap("a")}---\nkind: ConfigMap\nmetadata: {name: x}\n`,
        /document 2, line 6: apiVersion is missing/,
      ],
      ["apiVersion: v1\nmetadata: {name: x}\n", /line 1: kind is missing/],
      ["apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n", /generateName/],
      ["apiVersion: v1\nkind: Pod\n", /metadata\.name is missing/],
      ["- a\n- s3cret\n", /not an object/],
      [configMap("a", "data: 1\ndata: s3cret\n"), /duplicate key/],
      [configMap("a", "data: *s3cret\n"), /not valid YAML/],
      [`${configMap("a")}---\n${configMap("a")}`, /ConfigMap a is there twice, first in .*document 1/],
      ['{"apiVersion":"v1","kind":"List","items":[{"kind":"Pod"}]}', /item 1: apiVersion is missing/],
    ];
    for (const [text, message] of broken) {
      const error = await refusal(await fileWith(t, text));
      assert.equal(error.code, "MANIFEST_INVALID", text);
      assert.match(error.message, message);
      assert.match(error.message, /calico\.yaml, document/);
      assert.doesNotMatch(error.message, /s3cret/);
    }
  });

  test("the same name in another namespace or kind is another object", async (t) => {
    const other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n";
    assert.deepEqual(await names(await fileWith(t, `${configMap("a")}---\n${other}`)), ["a", "a"]);
  });

  test("nothing there, nothing in it and too much each have their code", async (t) => {
    const folder = await temporaryFolder(t);
    assert.equal((await refusal(join(folder, "none.yaml"))).code, "MANIFEST_NOT_FOUND");
    assert.equal((await refusal(folder)).code, "MANIFEST_EMPTY");
    const file = await fileWith(t, configMap("a"));
    assert.equal((await refusal(file, { maxBytes: 10 })).code, "MANIFEST_TOO_LARGE");
  });
});

suite("a manifest that is refused", () => {
  test("for it is not there, empty or too large is another one (MANIFEST_NOT_FOUND, MANIFEST_EMPTY, MANIFEST_TOO_LARGE)", async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, "calico.yaml");
    assert.equal((await refusal(file)).next, "Give an existing file or directory.");
    await writeFile(file, "# nothing\n");
    assert.equal((await refusal(file)).next, "Give the manifest's file, directory or URL.");
    await writeFile(file, `${configMap("a")}---\n${configMap("not-calico")}`);
    const large = await refusal(file, { maxBytes: 60 });
    assert.equal(large.next, "Give only the manifests that belong to Calico.");
    await writeFile(file, configMap("a"));
    assert.equal((await loadManifests(file, { maxBytes: 60 })).length, 1);
    assert.deepEqual(await names(folder), ["a"]);
  });

  test("for it is broken, or holds one object twice, is once it is corrected (MANIFEST_INVALID)", async (t) => {
    const file = await fileWith(t, "apiVersion: v1\nkind: Pod\n");
    assert.match((await refusal(file)).next, /^Correct the manifest; kubectl apply --dry-run=client shows/);
    await writeFile(file, `${configMap("a")}---\n${configMap("a")}`);
    assert.equal((await refusal(file)).next, "Remove one of the two.");
    await writeFile(file, configMap("a"));
    assert.deepEqual(await names(file), ["a"]);
  });

  test("for it is at a URL of another kind is given as a file (MANIFEST_SOURCE_REFUSED)", async (t) => {
    const { message, next } = await refusal("s3://bucket/calico.yaml?versionId=x");
    assert.equal(message, "s3://bucket/calico.yaml is no http or https URL, and nothing else is fetched");
    assert.equal(next, "Give an http or https URL, or download the manifest and give the file.");
    await assert.rejects(loadManifests("ftp://me:s3cret@host/a.yaml"), (error: Error) => {
      assert.match(error.message, /^ftp:\/\/host\/a\.yaml holds a user or a password$/);
      return true;
    });
    assert.deepEqual(await names(await fileWith(t, configMap("a"))), ["a"]);
  });

  test("for its URL is not reached is at its right URL, or as a file (MANIFEST_UNREACHABLE)", async (t) => {
    const url = await serve(t, (request, response) => {
      if (request.url === "/calico.yaml") response.end(configMap("a"));
      else response.writeHead(404).end();
    });
    const { code, next } = await refusal(`${url}/calcio.yaml`);
    assert.equal(code, "MANIFEST_UNREACHABLE");
    assert.equal(next, "Check the URL and the network, or download the manifest and give the file.");
    assert.deepEqual(await names(`${url}/calico.yaml`), ["a"]);
    const text = await (await fetch(`${url}/calico.yaml`)).text();
    assert.deepEqual(await names(await fileWith(t, text)), ["a"]);
  });

  test("for its URL holds a secret is once it is downloaded (MANIFEST_URL_HAS_SECRET)", async (t) => {
    const url = await serve(t, (_request, response) => response.end(configMap("a")));
    const signed = `${url}/calico.yaml?X-Amz-Signature=s3cret`;
    const { code, next } = await refusal(signed);
    assert.deepEqual([code, next], ["MANIFEST_URL_HAS_SECRET", "Download the manifest and give the file."]);
    const text = await (await fetch(signed)).text();
    assert.deepEqual(await names(await fileWith(t, text)), ["a"]);
  });
});

suite("URLs", () => {
  test("are loaded, redirects followed", async (t) => {
    const url = await serve(t, (request, response) => {
      if (request.url === "/calico.yaml") response.end(configMap("a"));
      else response.writeHead(302, { location: "/calico.yaml" }).end();
    });
    assert.deepEqual(await names(`${url}/latest`), ["a"]);
  });

  test("a refusal, a server failure, silence and too much each have their code", async (t) => {
    const url = await serve(t, (request, response) => {
      if (request.url === "/404") response.writeHead(404).end();
      if (request.url?.startsWith("/500") === true) response.writeHead(500).end();
      if (request.url === "/large") response.end("x".repeat(10_000));
    });
    const missing = await refusal(`${url}/404`);
    assert.deepEqual([missing.code, missing.retryable], ["MANIFEST_UNREACHABLE", false]);
    const failed = await refusal(`${url}/500?ref=s3cret`);
    assert.equal(failed.retryable, true);
    assert.doesNotMatch(failed.message, /s3cret/);
    assert.match((await refusal(`${url}/silent`, { timeoutMs: 60 })).message, /no whole answer in time/);
    assert.equal((await refusal(`${url}/large`, { maxBytes: 100 })).code, "MANIFEST_TOO_LARGE");
    assert.equal((await refusal("http://127.0.0.1:1/x.yaml")).retryable, true);
  });
});
