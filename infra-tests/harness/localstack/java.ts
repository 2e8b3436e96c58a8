import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installOnce } from "./install.ts";
import { run } from "./run.ts";
import { awsEmulatorUnavailable, installFailed } from "./unavailable.ts";

const POM = join(import.meta.dirname, "dynamodb", "pom.xml");
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const MINIMUM_JAVA = 17;

/** The path of a Java runtime that DynamoDB Local runs on: that of JAVA_HOME, else the one on the PATH. */
export async function findJava(): Promise<string> {
  const home = process.env["JAVA_HOME"] ?? "";
  const candidates = [...(home === "" ? [] : [join(home, "bin", "java")]), "java"];
  for (const path of candidates) {
    const { status, stderr } = await run(path, ["-version"]);
    if (status === 0 && javaMajor(stderr) >= MINIMUM_JAVA) return path;
  }
  throw awsEmulatorUnavailable(`DynamoDB Local needs java ${MINIMUM_JAVA} or newer, and none was found`);
}

/** The major version out of what `java -version` prints; 0 when it says none. */
export function javaMajor(output: string): number {
  return Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
}

/** The folder with the jars and native libraries of DynamoDB Local, fetched first by Maven where it is missing. */
export async function ensureDynamoDbJars(): Promise<string> {
  const version = createHash("sha256").update(readFileSync(POM)).digest("hex").slice(0, 16);
  return installOnce({
    folder: `dynamodb-local-${version}`,
    what: "DynamoDB Local (50 MB, about 15 seconds)",
    make: copyJars,
  });
}

async function copyJars(target: string): Promise<void> {
  const args = ["-B", "-q", "-f", POM, COPY, `-DoutputDirectory=${target}`, "-DincludeScope=runtime"];
  const { status, stdout, stderr } = await run("mvn", args);
  if (status === 127)
    throw awsEmulatorUnavailable("DynamoDB Local is fetched by Maven, and mvn was not found");
  if (status !== 0) throw installFailed("Maven", `${stdout}\n${stderr}`);
}
