import { readFile } from "node:fs/promises";
import { z } from "zod";
import { errorMessage, MigratorError } from "../errors.ts";
import { endpointProblem, normalEndpoint } from "./endpoint-url.ts";
import { checkPair, checkPem } from "./pem.ts";
import { Secret } from "./secret.ts";

const File = z.string().min(1);

const Endpoint = z.string().superRefine((value, context) => {
  const problem = endpointProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

/** How to reach a Calico etcd, as a person writes it: URLs, and files for all that is long or secret. */
export const EtcdConfig = z
  .strictObject({
    /** One or more of the cluster's members, all http or all https: `https://10.0.0.1:2379`. */
    endpoints: z
      .array(Endpoint)
      .min(1)
      .transform((endpoints) => [...new Set(endpoints.map(normalEndpoint))]),
    /** The authority that signed etcd's certificates (PEM); the machine's authorities by default. */
    caFile: File.optional(),
    /** The client certificate (PEM), with `keyFile`. */
    certFile: File.optional(),
    keyFile: File.optional(),
    /** The name to expect in etcd's certificate, where it is not the host of the endpoint. */
    serverName: z.string().min(1).optional(),
    /** For an etcd with user authentication, with `passwordFile`. */
    username: z.string().min(1).optional(),
    passwordFile: File.optional(),
  })
  .superRefine((config, context) => {
    for (const [field, problem] of crossFieldProblems(config)) {
      context.addIssue({ code: "custom", path: [field], message: problem });
    }
  });
export type EtcdConfig = z.infer<typeof EtcdConfig>;

/** How to reach a Calico etcd, ready for use: what the files of an {@link EtcdConfig} hold. */
export interface EtcdConnection {
  readonly endpoints: readonly string[];
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Secret<Buffer>;
  readonly serverName?: string;
  readonly login?: { readonly username: string; readonly password: Secret<string> };
}

/**
 * Parses the configuration and reads its files. Throws ETCD_CONFIG_INVALID (shape, URLs, fields that belong
 * together), ETCD_FILE_UNREADABLE or ETCD_PEM_INVALID; the message names the field and the file, never the content.
 */
export async function loadEtcdConfig(input: unknown): Promise<EtcdConnection> {
  const config = parseConfig(input);
  const [ca, cert, key, password] = await Promise.all([
    readPem("caFile", config.caFile, "CERTIFICATE"),
    readPem("certFile", config.certFile, "CERTIFICATE"),
    readPem("keyFile", config.keyFile, "PRIVATE KEY"),
    readPassword(config.passwordFile),
  ]);
  if (cert && key)
    checkPair({ cert, key }, `certFile ${config.certFile ?? ""}, keyFile ${config.keyFile ?? ""}`);
  return {
    endpoints: config.endpoints,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key: new Secret(key) }),
    ...(config.serverName !== undefined && { serverName: config.serverName }),
    ...(config.username !== undefined &&
      password !== undefined && { login: { username: config.username, password: new Secret(password) } }),
  };
}

function parseConfig(input: unknown): EtcdConfig {
  const parsed = EtcdConfig.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${fieldName(path)}: ${message}`);
  throw new MigratorError("ETCD_CONFIG_INVALID", `The etcd connection is not valid: ${problems.join("; ")}`, {
    next: "Correct the named fields.",
    details: { problems },
  });
}

function fieldName(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "etcd" : path.map(String).join(".");
}

type RawConfig = Partial<
  Record<"caFile" | "certFile" | "keyFile" | "serverName" | "username" | "passwordFile", string | undefined>
> & {
  endpoints: readonly string[];
};

function crossFieldProblems(config: RawConfig): [field: string, problem: string][] {
  const problems: [string, string][] = [];
  const secure = config.endpoints.filter((endpoint) => endpoint.startsWith("https:"));
  if (secure.length > 0 && secure.length < config.endpoints.length) {
    problems.push(["endpoints", "http and https endpoints cannot be mixed"]);
  }
  for (const [field, other] of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
    ["username", "passwordFile"],
    ["passwordFile", "username"],
  ] as const) {
    if (config[field] !== undefined && config[other] === undefined)
      problems.push([field, `needs ${other} as well`]);
  }
  for (const field of ["caFile", "certFile", "serverName"] as const) {
    if (config[field] !== undefined && secure.length === 0) {
      problems.push([field, "is given, but the endpoints are http; write https://"]);
    }
  }
  return problems;
}

async function readPem(
  field: string,
  file: string | undefined,
  label: "CERTIFICATE" | "PRIVATE KEY",
): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  const content = await read(field, file);
  checkPem(content, label, `${field} ${file}`);
  return content;
}

async function readPassword(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const password = (await read("passwordFile", file)).toString("utf8").replace(/\r?\n$/, "");
  if (password !== "") return password;
  throw new MigratorError("ETCD_CONFIG_INVALID", `passwordFile ${file} is empty`, {
    next: "Write the password of the etcd user into the file.",
    details: { field: "passwordFile", file },
  });
}

async function read(field: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new MigratorError(
      "ETCD_FILE_UNREADABLE",
      `${field} ${file} cannot be read: ${errorMessage(cause)}`,
      {
        next: "Check the path and the permissions of the file.",
        details: { field, file },
        cause,
      },
    );
  }
}
