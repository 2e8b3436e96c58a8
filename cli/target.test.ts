import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { asksForAws, targetOf } from "./target.ts";
import { fakeWorld } from "./testing/fake-world.ts";

interface Place {
  env: Record<string, string | undefined>;
  cwd: string;
}

function withConfig(t: TestContext, content: string, env: Record<string, string> = {}): Place {
  const { folder } = fakeWorld(t);
  mkdirSync(join(folder, "calico-migrator"));
  writeFileSync(join(folder, "calico-migrator", "config.yaml"), content);
  return { env: { HOME: folder, XDG_CONFIG_HOME: folder, ...env }, cwd: folder };
}

const CONFIG = `
currentProfile: prod
profiles:
  prod: { aws: { stack: Mine, region: eu-central-1, profile: ops } }
  laptop: { store: laptop.db }
`;
const PROD = { kind: "aws", stack: "Mine", region: "eu-central-1", credentialsProfile: "ops" };

describe("where the runs are", () => {
  test("without anything said is the user's own store", (t) => {
    const { folder } = fakeWorld(t);
    const own = join(folder, ".local", "state", "calico-migrator", "store.db");
    assert.deepEqual(targetOf({ env: { HOME: folder }, cwd: folder }, {}), { kind: "store", path: own });
  });

  test("is what the current profile says, or the one that is asked for", (t) => {
    const place = withConfig(t, CONFIG);
    assert.deepEqual(targetOf(place, {}), PROD);
    const laptop = { kind: "store", path: join(place.cwd, "calico-migrator", "laptop.db") };
    assert.deepEqual(targetOf(place, { profile: "laptop" }), laptop);
    const asked = { ...place.env, CALICO_MIGRATOR_PROFILE: "laptop" };
    assert.deepEqual(targetOf({ ...place, env: asked }, {}), laptop);
    assert.deepEqual(targetOf({ ...place, env: asked }, { profile: "prod" }), PROD);
  });

  test("is what the options say, whatever is configured", (t) => {
    const place = withConfig(t, CONFIG, { CALICO_MIGRATOR_STORE: "/env.db" });
    assert.deepEqual(targetOf(place, {}), { kind: "store", path: "/env.db" });
    assert.deepEqual(targetOf(place, { store: "/a.db" }), { kind: "store", path: "/a.db" });
    assert.deepEqual(targetOf(place, { aws: true }), PROD);
    assert.deepEqual(targetOf(place, { aws: "Other", region: "us-east-1" }), {
      ...PROD,
      stack: "Other",
      region: "us-east-1",
    });
    assert.throws(() => targetOf(place, { aws: true, store: "/a.db" }), { code: "USAGE" });
  });

  test("is AWS with the default stack by --aws alone", (t) => {
    const { folder } = fakeWorld(t);
    const target = targetOf({ env: { HOME: folder }, cwd: folder }, { aws: true });
    assert.deepEqual(target, { kind: "aws", stack: "CalicoMigrator" });
  });

  test("asks for AWS only where the command line does", (t) => {
    const place = withConfig(t, CONFIG);
    const asked = [{}, { profile: "laptop" }, { profile: "prod" }, { aws: true as const }];
    assert.deepEqual(
      asked.map((flags) => asksForAws(place, flags)),
      [false, false, true, true],
    );
  });
});

describe("a configuration that is wrong", () => {
  const cases: [string, RegExp][] = [
    ["profiles: { prod: { aws: { stac: Mine } } }", /profiles\.prod\.aws: Unrecognized key: "stac"/],
    ["profiles: { prod: { aws: { stack: 3 } } }", /profiles\.prod\.aws\.stack: .*expected string/],
    ["profiles: { prod: {} }", /profiles\.prod: must have either aws or store/],
    ["profiles: [", /it is not YAML: line/],
    ["just text", /its root: .*expected object/],
  ];
  for (const [content, problem] of cases) {
    test(`is told by the field: ${content}`, (t) => {
      const place = withConfig(t, content);
      const next =
        /`profiles: \{NAME: \{aws: \{stack, region, profile\}\}\}` or `profiles: \{NAME: \{store: FILE\}\}`/;
      assert.throws(() => targetOf(place, {}), { code: "CONFIG_INVALID", message: problem, next });
    });
  }

  test("names the profiles that there are, and one that is written into it is known", (t) => {
    const place = withConfig(t, CONFIG);
    const next = "Use one of: prod, laptop.";
    assert.throws(() => targetOf(place, { profile: "x" }), { code: "PROFILE_UNKNOWN", next });
    for (const profile of ["prod", "laptop"]) assert.ok(targetOf(place, { profile }));
    const none = withConfig(t, "profiles: {}\n");
    const write = "Write the profile into that file.";
    assert.throws(() => targetOf(none, { profile: "x" }), { code: "PROFILE_UNKNOWN", next: write });
    const file = join(none.cwd, "calico-migrator", "config.yaml");
    writeFileSync(file, "profiles: { x: { store: x.db } }\n");
    assert.equal(targetOf(none, { profile: "x" }).kind, "store");
  });

  test("is written as it is told (CONFIG_INVALID)", (t) => {
    const place = withConfig(t, "just text");
    assert.throws(() => targetOf(place, {}), { code: "CONFIG_INVALID", next: /and `currentProfile: NAME`/ });
    const file = join(place.cwd, "calico-migrator", "config.yaml");
    const aws = "profiles: {NAME: {aws: {stack: Mine, region: eu-central-1, profile: ops}}}";
    for (const [profiles, kind] of [
      [aws, "aws"],
      ["profiles: {NAME: {store: FILE}}", "store"],
    ]) {
      writeFileSync(file, `${profiles ?? ""}\ncurrentProfile: NAME\n`);
      assert.equal(targetOf(place, {}).kind, kind);
    }
  });

  test("has no place for a user without a home (PROFILE_UNKNOWN): a home has, and --store and --aws need none", (t) => {
    const { cwd } = withConfig(t, CONFIG);
    const place = { env: { CALICO_MIGRATOR_PROFILE: "laptop" }, cwd };
    const next = "Set one of them; or leave the profile out, and name the place with --store or --aws.";
    assert.throws(() => targetOf(place, {}), { code: "PROFILE_UNKNOWN", next });
    assert.equal(targetOf({ cwd, env: { ...place.env, XDG_CONFIG_HOME: cwd } }, {}).kind, "store");
    assert.equal(targetOf({ cwd, env: {} }, { aws: true }).kind, "aws");
    assert.equal(targetOf({ cwd, env: {} }, { store: "a.db" }).kind, "store");
  });
});
