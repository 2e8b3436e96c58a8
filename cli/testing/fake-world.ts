import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import type { TestContext } from "node:test";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { run } from "../program.ts";
import type { Output, World } from "../world.ts";
import { fakeBackup, type FakeOptions, fakeMigration } from "./fake-migration.ts";

/** An output that remembers what was written. */
export class Captured extends Writable implements Output {
  isTTY = false;
  columns = 120;
  rows = 50;
  text = "";

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** A world of its own for a test, with a store and a kubeconfig in a folder that is removed afterwards. */
export interface FakeWorld extends World {
  readonly folder: string;
  readonly store: string;
  readonly kubeconfig: string;
  readonly stdin: PassThrough & { isTTY?: boolean };
  readonly stdout: Captured;
  readonly stderr: Captured;
  /** How often a cluster was connected to. */
  opened: number;
  openAws: World["openAws"];
  clock: World["clock"];
  /** Asks the program to stop, as Ctrl-C does. */
  interrupt: () => void;
  /** Exit codes that the program wanted to end with at once. */
  exits: number[];
}

/** Makes a world with the fake migration in it; no cluster is ever reached. */
export function fakeWorld(test: TestContext, options: FakeOptions = {}): FakeWorld {
  const folder = mkdtempSync(join(tmpdir(), "calico-migrator-cli-"));
  test.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const listeners = new Set<() => void>();
  const world: FakeWorld = {
    folder,
    store: join(folder, "store.db"),
    kubeconfig: writeKubeconfig(folder, "prod", "https://prod.example.com:6443"),
    env: { HOME: folder },
    cwd: folder,
    stdin: new PassThrough(),
    stdout: new Captured(),
    stderr: new Captured(),
    clock: new SystemClock(),
    user: "alice",
    version: "1.2.3",
    migrations: [fakeMigration(options), ...(options.backups === true ? [fakeBackup()] : [])],
    comparisons: {},
    opened: 0,
    openCluster: () => {
      world.opened++;
      return Promise.resolve({ connections: unreal, close: () => Promise.resolve() });
    },
    openAws: () => Promise.reject(new Error("there is no AWS here")),
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    exits: [],
    exit: (code) => world.exits.push(code),
  };
  return world;
}

/** The fake migration asks nothing of its connections; only what a command asks for itself is there. */
const unreal = { etcd: () => ({ status: () => Promise.resolve({}) }) } as unknown as ClusterConnections;

/** Writes a kubeconfig with one context of this name; its API server is never asked. */
export function writeKubeconfig(folder: string, context: string, server: string): string {
  const file = join(folder, `${context}.kubeconfig`);
  const content = {
    "current-context": context,
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: { token: "not-a-real-token" } }],
    contexts: [{ name: context, context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(file, JSON.stringify(content));
  return file;
}

/** What one command line answered. */
export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs one command line in the world, on its store, and gives what it wrote meanwhile. */
export function runIn(world: FakeWorld, ...words: readonly string[]): Promise<Answer> {
  return runLine(world, [...words, "--store", world.store]);
}

/** Runs one command line in the world, on the stack that it names; see `withFakeStack`. */
export function runOnAws(world: FakeWorld, ...words: readonly string[]): Promise<Answer> {
  return runLine(world, [...words, "--aws"]);
}

/** Runs one command line in the world, to the letter. */
export async function runLine(world: FakeWorld, words: readonly string[]): Promise<Answer> {
  const before = { stdout: world.stdout.text.length, stderr: world.stderr.text.length };
  const code = await run(words, world);
  return {
    code,
    stdout: world.stdout.text.slice(before.stdout),
    stderr: world.stderr.text.slice(before.stderr),
  };
}
