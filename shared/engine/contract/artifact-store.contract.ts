import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ArtifactStore } from "../ports.ts";
import type { ManualClock } from "../testing/manual-clock.ts";

/** An artifact store to be tested, empty, with the clock that it goes by. */
interface ArtifactFixture {
  artifacts: ArtifactStore;
  clock: ManualClock;
  cleanup(): Promise<void>;
}

type OpenArtifacts = () => Promise<ArtifactFixture>;

/** What every artifact store must do, as a suite of `node:test`. `open` gives each test an empty store. */
export function describeArtifactStore(name: string, open: OpenArtifacts): void {
  void describe(`${name} as an ArtifactStore`, () => {
    void describe("content", () => {
      contentTests(open);
    });
    void describe("wholeness", () => {
      wholenessTests(open);
    });
    void describe("names", () => {
      nameTests(open);
    });
  });
}

function contentTests(open: OpenArtifacts): void {
  for (const size of [0, 1, 262_144, 262_145, 3_000_000]) {
    void test(
      `${size} bytes come back as they were written`,
      withArtifacts(open, async ({ artifacts }) => {
        const content = randomBytes(size);

        const artifact = await artifacts.write("backup", [content]);

        assert.deepEqual(artifact, { name: "backup", bytes: size, sha256: sha256(content) });
        assert.deepEqual(await artifacts.find("backup"), artifact);
        assert.ok(content.equals(await readAll(artifacts, "backup")));
      }),
    );
  }

  void test(
    "it does not matter in which pieces content is written",
    withArtifacts(open, async ({ artifacts }) => {
      const pieces = fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(pieces, async (content) => {
          const whole = Buffer.concat(content);
          const artifact = await artifacts.write("pieces", content);
          assert.equal(artifact.sha256, sha256(whole));
          assert.ok(whole.equals(await readAll(artifacts, "pieces")));
        }),
        { numRuns: 15 },
      );
    }),
  );

  void test(
    "a writer may use the same buffer for each piece",
    withArtifacts(open, async ({ artifacts }) => {
      const buffer = Buffer.alloc(1_000);
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let i = 0; i < 600; i += 1) yield await Promise.resolve(buffer.fill(i));
      }

      await artifacts.write("reused", pieces());

      const expected = Buffer.concat(Array.from({ length: 600 }, (_, i) => Buffer.alloc(1_000, i)));
      assert.ok(expected.equals(await readAll(artifacts, "reused")));
    }),
  );
}

function wholenessTests(open: OpenArtifacts): void {
  void test(
    "an artifact cannot be seen before it is whole",
    withArtifacts(open, async ({ artifacts }) => {
      const seen: unknown[] = [];
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let i = 0; i < 3; i += 1) {
          yield randomBytes(300_000);
          seen.push(await artifacts.find("backup"), ...(await artifacts.list("")));
        }
      }

      await artifacts.write("backup", pieces());

      assert.deepEqual(seen, [undefined, undefined, undefined]);
      assert.equal((await artifacts.find("backup"))?.bytes, 900_000);
    }),
  );

  void test(
    "content that breaks off leaves nothing, and what had the name stays",
    withArtifacts(open, async ({ artifacts }) => {
      const before = await artifacts.write("kept", [Buffer.from("before")]);

      for (const name of ["kept", "new"]) {
        await assert.rejects(artifacts.write(name, breaking()), /the source broke/);
      }

      assert.deepEqual(await artifacts.list(""), [before]);
      assert.equal((await readAll(artifacts, "kept")).toString(), "before");
    }),
  );

  void test(
    "writing a name again replaces its content",
    withArtifacts(open, async ({ artifacts }) => {
      await artifacts.write("report", [randomBytes(600_000)]);

      const second = await artifacts.write("report", [Buffer.from("second")]);

      assert.equal((await readAll(artifacts, "report")).toString(), "second");
      assert.deepEqual(await artifacts.list(""), [second]);
    }),
  );

  void test(
    "a reader that has begun reads what it began, though it is replaced meanwhile",
    withArtifacts(open, async ({ artifacts }) => {
      const first = randomBytes(900_000);
      await artifacts.write("backup", [first]);
      const read: Uint8Array[] = [];

      for await (const piece of artifacts.read("backup")) {
        if (read.length === 0) await artifacts.write("backup", [Buffer.from("second")]);
        read.push(piece);
      }

      assert.ok(first.equals(Buffer.concat(read)));
    }),
  );

  void test(
    "of two writers of one name, one is whole in the end",
    withArtifacts(open, async ({ artifacts }) => {
      const contents = [randomBytes(700_000), randomBytes(700_000)];

      await Promise.all(contents.map((content) => artifacts.write("backup", [content])));

      const final = await readAll(artifacts, "backup");
      assert.ok(contents.some((content) => content.equals(final)));
      assert.equal((await artifacts.list("")).length, 1);
    }),
  );
}

function nameTests(open: OpenArtifacts): void {
  void test(
    "an unknown artifact is not found",
    withArtifacts(open, async ({ artifacts }) => {
      assert.equal(await artifacts.find("nothing"), undefined);
      await assert.rejects(readAll(artifacts, "nothing"), { code: "ARTIFACT_NOT_FOUND" });
    }),
  );

  void test(
    "artifacts are listed by name, those with the prefix only",
    withArtifacts(open, async ({ artifacts }) => {
      const names = [
        "runs/r1/report",
        "runs/r1/backup/source",
        "runs/r10/report",
        "runs/R1/report",
        "%",
        "runs/r1_x",
      ];
      for (const name of names) await artifacts.write(name, [Buffer.from(name)]);
      const namesOf = async (prefix: string) => (await artifacts.list(prefix)).map(({ name }) => name);

      assert.deepEqual(await namesOf(""), [...names].sort());
      assert.deepEqual(await namesOf("runs/r1/"), ["runs/r1/backup/source", "runs/r1/report"]);
      assert.deepEqual(await namesOf("%"), ["%"]);
      assert.deepEqual(await namesOf("runs/r1_"), ["runs/r1_x"]);
      assert.deepEqual(await namesOf("nothing"), []);
    }),
  );
}

function withArtifacts(
  open: OpenArtifacts,
  body: (fixture: ArtifactFixture) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const fixture = await open();
    try {
      await body(fixture);
    } finally {
      await fixture.cleanup();
    }
  };
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

async function readAll(artifacts: ArtifactStore, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of artifacts.read(name)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* breaking(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(randomBytes(400_000));
  throw new Error("the source broke");
}
