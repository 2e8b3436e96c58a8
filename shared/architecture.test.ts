import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { before, describe, test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** Which other parts the code of a part may import. `shared` itself are the files right in it, which all may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  "shared/calico": [],
  "shared/kubernetes": ["shared/calico"],
  "shared/etcd": ["shared/calico"],
  "shared/engine": [],
  "shared/fleet": ["shared/engine"],
  "shared/migrations": ["shared/engine", "shared/calico", "shared/kubernetes", "shared/etcd"],
  "shared/adapters": ["events", "shared/engine", "shared/kubernetes", "shared/etcd", "shared/migrations"],
  events: ["shared/engine"],
};

/** Parts that use all of the others; and who may use them, besides the tests of the whole: the stack packs the functions. */
const OUTERMOST: Readonly<Record<string, readonly string[]>> = {
  cli: [],
  functions: ["cdk"],
  cdk: [],
  "infra-tests": [],
};

const AWS = /^(@aws-sdk\/|@smithy\/|aws-lambda$|@middy\/|@aws-lambda-powertools\/|aws-cdk-lib|constructs$)/;

const IMPORT =
  /^(?:import|export)\b(\s+type\b)?[^;"]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

interface Source {
  path: string;
  part: string;
  /** Tests, and what only they use. */
  isTest: boolean;
  /** Files of ours, by their path. */
  files: string[];
  /** Those of them that are loaded with this one: types are gone when the program runs. */
  loads: string[];
  packages: string[];
  /** Walks lists past the limiter and the tries of `reads`. */
  walksAlone: boolean;
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  const matches = [...text.matchAll(IMPORT)];
  const nameOf = (match: RegExpExecArray) => match[2] ?? match[3] ?? match[4] ?? "";
  const ours = (names: readonly string[]) =>
    names.filter((name) => name.startsWith(".")).map((name) => normalize(join(dirname(path), name)));
  const imports = matches.map(nameOf);
  return {
    path,
    part: partOf(path),
    isTest: isTest(path),
    files: ours(imports),
    loads: ours(matches.filter((match) => match[1] === undefined).map(nameOf)),
    packages: imports.filter((name) => !name.startsWith(".")),
    walksAlone: /\b(kubernetes|api)\.pages\(/.test(text),
  };
}

function partOf(path: string): string {
  const [first = "", second = "", third] = path.split("/");
  return first === "shared" && third !== undefined ? `shared/${second}` : first;
}

function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || /\/(testing|contract)\//.test(path) || path.startsWith("infra-tests/");
}

/** `from -> to` for every import of one of our files that a rule forbids. */
function forbidden(sources: readonly Source[], rule: (source: Source, target: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.files.filter((target) => rule(source, target)).map((target) => `${source.path} -> ${target}`),
  );
}

/** The first ring of files that load each other, as paths, or nothing. */
function findRing(sources: readonly Pick<Source, "path" | "loads">[]): string[] {
  const imports = new Map(sources.map(({ path, loads }) => [path, loads]));
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return [];
    for (const next of imports.get(path) ?? []) {
      const ring = visit(next, [...trail, path]);
      if (ring.length > 0) return ring;
    }
    finished.add(path);
    return [];
  };
  for (const { path } of sources) {
    const ring = visit(path, []);
    if (ring.length > 0) return ring;
  }
  return [];
}

describe("architecture", () => {
  let sources: Source[] = [];

  before(() => {
    const patterns = ["shared", "events", ...Object.keys(OUTERMOST)].map((folder) => `${folder}/**/*.ts`);
    sources = globSync(patterns, { cwd: ROOT, exclude: ["**/node_modules/**", "**/cdk.out/**"] }).map(read);
  });

  test("the imports of all files are seen", () => {
    const engine = sources.find(({ path }) => path === "shared/engine/engine.ts");

    assert.ok(sources.length > 100, `${sources.length} files`);
    assert.ok(engine);
    assert.ok(engine.files.includes("shared/engine/migration.ts"));
    assert.ok(engine.packages.includes("node:crypto"));
    assert.deepEqual(
      sources.flatMap(({ files }) => files).filter((file) => !sources.some(({ path }) => path === file)),
      [],
      "every import leads to a file",
    );
  });

  test("every part of shared has its place", () => {
    const parts = new Set(sources.filter(({ isTest }) => !isTest).map(({ part }) => part));
    const placed = [...Object.keys(MAY_IMPORT), ...Object.keys(OUTERMOST)];

    assert.deepEqual(
      [...parts].filter((part) => !placed.includes(part)),
      [],
    );
  });

  test("arrows point one way", () => {
    const crossing = forbidden(
      sources.filter(({ part, isTest }) => !isTest && part in MAY_IMPORT),
      ({ part }, target) => ![part, "shared", ...(MAY_IMPORT[part] ?? [])].includes(partOf(target)),
    );

    assert.deepEqual(crossing, []);
  });

  test("nobody imports the outermost parts but they themselves, those that may, and the tests of the whole", () => {
    const crossing = forbidden(sources, ({ part }, target) => {
      const outer = partOf(target);
      return part !== outer && part !== "infra-tests" && OUTERMOST[outer]?.includes(part) === false;
    });

    assert.deepEqual(crossing, []);
  });

  test("no code that runs imports what is for tests", () => {
    const crossing = forbidden(
      sources.filter((source) => !source.isTest),
      (_source, target) => isTest(target),
    );

    assert.deepEqual(crossing, []);
  });

  test("nobody knows AWS but its adapters and the outermost parts: not the domain, nor the wire contract, nor their tests", () => {
    const others = sources.filter(
      ({ part, path }) => !(part in OUTERMOST) && !path.startsWith("shared/adapters/aws/"),
    );
    const known = others
      .filter(({ packages }) => packages.some((name) => AWS.test(name)))
      .map(({ path }) => path);

    assert.deepEqual(known, []);
  });

  test("no migration walks a list without the limiter and its tries", () => {
    const alone = sources.filter(
      ({ part, isTest, walksAlone }) => part === "shared/migrations" && !isTest && walksAlone,
    );
    assert.deepEqual(
      alone.map(({ path }) => path),
      [],
    );
  });

  test("no files load each other in a ring", () => {
    assert.deepEqual(findRing(sources), []);
  });

  test("a ring is found where there is one", () => {
    const source = (path: string, ...loads: string[]) => ({ path, loads });
    const ring = [source("a", "b"), source("b", "c", "d"), source("c"), source("d", "b")];

    assert.deepEqual(findRing(ring), ["b", "d", "b"]);
  });
});
