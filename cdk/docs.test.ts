import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Template } from "aws-cdk-lib/assertions";
import { z } from "zod";
import { parseStackConfig, SETTING_NAMES } from "./props.ts";
import { FUNCTION_NAMES } from "../functions/bundle.ts";
import { EVERYTHING, synthesized } from "./testing/synthesized.ts";

const ROOT = join(import.meta.dirname, "..");
const page = (name: string) => readFileSync(join(ROOT, "docs", name), "utf8");
const [AWS, OPERATIONS, SECURITY] = ["aws.md", "operations.md", "security.md"].map(page) as [
  string,
  string,
  string,
];

/** Where the errors of the service are made. */
const SERVICE = ["shared/adapters/aws", "functions", "cli/aws", "cdk", "events"];

const standard = synthesized();
const everything = synthesized(EVERYTHING);

describe("docs/operations.md", () => {
  test("has a heading for every alarm, and for no other", () => {
    const headings = sectionOf(OPERATIONS, "Alarms")
      .split("\n")
      .filter((line) => line.startsWith("### "));
    const alarms = idsOf(standard, "AWS::CloudWatch::Alarm").map((id) => id.replace("WatchAlarms", ""));
    assert.deepEqual(headings.flatMap(codeIn).toSorted(), alarms.toSorted());
  });

  test("says what to do for every error code of the service", () => {
    const explained = new Set(codeIn(OPERATIONS));
    const missing = SERVICE.flatMap(errorCodesIn).filter((code) => !explained.has(code));
    assert.deepEqual(missing, []);
  });

  test("explains no error code that is none", () => {
    const explained = rowsOf(OPERATIONS, "Troubleshooting by code").flatMap(([codes = ""]) => codeIn(codes));
    const sources = ["shared", ...SERVICE].map((folder) => sourcesIn(folder).join("\n")).join("\n");
    assert.deepEqual(
      explained.filter((code) => !sources.includes(`"${code}"`)),
      [],
    );
  });
});

describe("docs/security.md", () => {
  test("lists every statement of the functions' roles, whose it is, and what it allows", () => {
    const roles = FUNCTION_NAMES.map((name) => [name, `Functions${pascalOf(name)}Role`] as const);
    assert.deepEqual(
      rightsShown("Functions"),
      rightsIn(everything, "AWS::IAM::Policy", new Map(roles.map(([name, role]) => [role, name]))),
    );
  });

  test("lists every statement of the policies for people", () => {
    const names = ["Viewer", "Operator", "ClusterAdmin", "BackupImporter"].map(
      (name) => [`People${name}`, name] as const,
    );
    assert.deepEqual(rightsShown("People"), rightsIn(everything, "AWS::IAM::ManagedPolicy", new Map(names)));
  });
});

describe("docs/aws.md", () => {
  test("has every setting with its default", () => {
    const defaults: Readonly<Record<string, unknown>> = parseStackConfig({});
    const expected = SETTING_NAMES.map((name) => [
      name,
      name in defaults ? JSON.stringify(defaults[name]) : "–",
    ]);
    const shown = rowsOf(AWS, "Settings").map(([name = "", value = ""]) => [
      ...codeIn(name),
      codeIn(value)[0] ?? value,
    ]);
    assert.deepEqual(shown.toSorted(), expected.toSorted());
  });

  test("has every output", () => {
    const shown = rowsOf(AWS, "Outputs").flatMap(([names = ""]) => codeIn(names));
    assert.deepEqual(shown.toSorted(), Object.keys(standard.toJSON()["Outputs"] as object).toSorted());
  });

  test("has every environment variable, with the functions that it is for", () => {
    const shown = rowsOf(AWS, "Environment of the functions").flatMap(([names = "", of = ""]) =>
      codeIn(names).map((name) => [name, functionsNamed(of).toSorted()]),
    );
    const template = synthesized({ ...EVERYTHING, allowLoopbackServers: true });
    assert.deepEqual(Object.fromEntries(shown), variablesIn(template));
  });
});

/** The texts in backquotes. */
function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

/** What stands below a heading of the second level. */
function sectionOf(text: string, heading: string): string {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section, `no section "${heading}"`);
  return section;
}

/** The cells of the first table of a section, row by row, without its head. */
function rowsOf(text: string, heading: string): string[][] {
  const lines = sectionOf(text, heading).split("\n");
  const start = lines.findIndex((line) => line.startsWith("| "));
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.slice(start + 2, start + length).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function idsOf(template: Template, type: string): string[] {
  return Object.keys(template.findResources(type)).map(withoutHash);
}

function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, "");
}

function pascalOf(name: string): string {
  return name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `whose statement: actions`, a line for each. */
type Rights = string[];

const listOf = z.union([z.array(z.string()), z.string().transform((one) => [one])]);
const Policy = z.object({
  Properties: z.object({
    Roles: z.array(z.object({ Ref: z.string() })).optional(),
    PolicyDocument: z.object({
      Statement: z.array(z.object({ Sid: z.string().optional(), Action: listOf })),
    }),
  }),
});

/** Of the policies that belong to one of these owners. */
function rightsIn(template: Template, type: string, owners: ReadonlyMap<string, string>): Rights {
  return Object.entries(template.findResources(type))
    .flatMap(([logicalId, resource]) => {
      const { Roles, PolicyDocument } = Policy.parse(resource).Properties;
      const owner = owners.get(withoutHash(Roles?.[0]?.Ref ?? logicalId));
      if (owner === undefined) return [];
      return PolicyDocument.Statement.map(({ Sid = "none", Action }) => right(owner, Sid, Action));
    })
    .toSorted();
}

/** As the table of a section shows them: a name in its first cell, owners in the second, actions in the third. */
function rightsShown(heading: string): Rights {
  return rowsOf(SECURITY, heading)
    .flatMap(([name = "", owners = "", actions = ""]) =>
      codeIn(owners).map((owner) => right(owner, codeIn(name)[0] ?? name, codeIn(actions))),
    )
    .toSorted();
}

function right(owner: string, name: string, actions: readonly string[]): string {
  return `${owner} ${name}: ${actions.toSorted().join(", ")}`;
}

function functionsNamed(cell: string): string[] {
  const named = codeIn(cell);
  if (!cell.startsWith("all")) return named;
  return FUNCTION_NAMES.filter((name) => !named.includes(name));
}

const Lambda = z.object({
  Properties: z.object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) }),
});

/** The names of environment variables, with the functions that have them. */
function variablesIn(template: Template): Record<string, string[]> {
  const functions = Object.entries(template.findResources("AWS::Lambda::Function"));
  const byVariable = new Map<string, string[]>();
  for (const name of FUNCTION_NAMES) {
    const found = functions.find(([id]) => withoutHash(id) === `Functions${pascalOf(name)}Function`);
    for (const variable of Object.keys(Lambda.parse(found?.[1]).Properties.Environment.Variables)) {
      byVariable.set(variable, [...(byVariable.get(variable) ?? []), name].toSorted());
    }
  }
  return Object.fromEntries(byVariable);
}

/** The codes of the errors that the sources of a folder make. */
function errorCodesIn(folder: string): string[] {
  const made = sourcesIn(folder).flatMap((text) => [
    ...text.matchAll(/(?:new MigratorError|super)\(\s*"([A-Z][A-Z0-9_]+)"/g),
  ]);
  assert.ok(made.length > 0, folder);
  return [...new Set(made.map(([, code = ""]) => code))];
}

/** The texts of a folder's sources, without tests and what only they use. */
function sourcesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !/(^|\/)testing\//.test(name))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}
