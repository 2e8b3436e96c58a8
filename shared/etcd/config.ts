import { readFile } from "node:fs/promises";
import { z } from "zod";
import { errorMessage, MigratorError } from "../errors.ts";
import { endpointProblem, normalEndpoint } from "./endpoint-url.ts";
import { checkPair, checkPem } from "./pem.ts";
import { Secret } from "./secret.ts";

const Text = z.string().min(1);

const FILE_FIELDS = ["caFile", "certFile", "keyFile", "passwordFile"] as const;
type FileField = (typeof FILE_FIELDS)[number];

const Endpoint = z.string().superRefine((value, context) => {
  const problem = endpointProblem(value);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const Endpoints = z
  .array(Endpoint)
  .min(1)
  .transform((endpoints) => [...new Set(endpoints.map(normalEndpoint))]);

/** How to reach a Calico etcd, as a person writes it: URLs, and files for all that is long or secret. */
export const EtcdConfig = z
  .strictObject({
    /** One or more of the cluster's members, all http or all https: `https://10.0.0.1:2379`. */
    endpoints: Endpoints,
    /** The authority that signed etcd's certificates (PEM); the machine's authorities by default. */
    caFile: Text.optional(),
    /** The client certificate (PEM), with `keyFile`. */
    certFile: Text.optional(),
    keyFile: Text.optional(),
    /** The name to expect in etcd's certificate, where it is not the host of the endpoint. */
    serverName: Text.optional(),
    /** For an etcd with user authentication, with `passwordFile`. */
    username: Text.optional(),
    passwordFile: Text.optional(),
  })
  .superRefine(
    refuseHalves(
      [
        ["certFile", "keyFile"],
        ["username", "passwordFile"],
      ],
      ["caFile", "certFile", "serverName"],
    ),
  );
export type EtcdConfig = z.infer<typeof EtcdConfig>;

/** The same with what the files hold in place of their names, for a place that keeps secrets. */
export const EtcdMaterial = z
  .strictObject({
    endpoints: Endpoints,
    /** PEM, as are `cert` and `key`. */
    ca: Text.optional(),
    cert: Text.optional(),
    key: Text.optional(),
    serverName: Text.optional(),
    username: Text.optional(),
    password: Text.optional(),
  })
  .superRefine(
    refuseHalves(
      [
        ["cert", "key"],
        ["username", "password"],
      ],
      ["ca", "cert", "serverName"],
    ),
  );
export type EtcdMaterial = z.infer<typeof EtcdMaterial>;

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
 * together), ETCD_FILE_UNREADABLE or ETCD_PEM_INVALID; the message names the fields and all files that are wrong, never the
 * content.
 */
export async function loadEtcdConfig(input: unknown): Promise<EtcdConnection> {
  const config = parse(EtcdConfig, input);
  const contents = await readFiles(config);
  const ca = checkedPem("caFile", config.caFile, contents.caFile, "CERTIFICATE");
  const cert = checkedPem("certFile", config.certFile, contents.certFile, "CERTIFICATE");
  const key = checkedPem("keyFile", config.keyFile, contents.keyFile, "PRIVATE KEY");
  const password = passwordIn(config.passwordFile, contents.passwordFile);
  return connectionOf(config, { ca, cert, key, password }, [
    `certFile ${config.certFile ?? ""}`,
    `keyFile ${config.keyFile ?? ""}`,
  ]);
}

/**
 * Parses what a place for secrets holds. Throws ETCD_CONFIG_INVALID or ETCD_PEM_INVALID; the message names the field,
 * never the content.
 */
export function parseEtcdMaterial(input: unknown): EtcdConnection {
  const material = parse(EtcdMaterial, input);
  const { password } = material;
  const ca = pemOf("ca", material.ca, "CERTIFICATE");
  const cert = pemOf("cert", material.cert, "CERTIFICATE");
  const key = pemOf("key", material.key, "PRIVATE KEY");
  return connectionOf(material, { ca, cert, key, password }, ["cert", "key"]);
}

interface Named {
  endpoints: readonly string[];
  serverName?: string | undefined;
  username?: string | undefined;
}

interface Contents {
  ca?: Buffer | undefined;
  cert?: Buffer | undefined;
  key?: Buffer | undefined;
  password?: string | undefined;
}

function connectionOf(
  { endpoints, serverName, username }: Named,
  { ca, cert, key, password }: Contents,
  pairNames: readonly [cert: string, key: string],
): EtcdConnection {
  if (cert && key) checkPair({ cert, key }, pairNames.join(", "));
  return {
    endpoints,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key: new Secret(key) }),
    ...(serverName !== undefined && { serverName }),
    ...(username !== undefined &&
      password !== undefined && { login: { username, password: new Secret(password) } }),
  };
}

function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
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

type Fields<F extends string> = Partial<Record<F, string | undefined>> & { endpoints: readonly string[] };

/** Refuses half a pair, http mixed with https, and what only means something with https. */
function refuseHalves<F extends string>(
  pairs: readonly (readonly [F, F])[],
  needHttps: readonly F[],
): (config: Fields<F>, context: z.RefinementCtx) => void {
  const needs = new Map(pairs.flatMap(([one, two]) => [[one, two] as const, [two, one] as const]));
  return (config, context) => {
    const refuse = (field: string, message: string) => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    const secure = config.endpoints.filter((endpoint) => endpoint.startsWith("https:"));
    if (secure.length > 0 && secure.length < config.endpoints.length) {
      refuse("endpoints", "http and https endpoints cannot be mixed");
    }
    for (const [field, other] of needs) {
      if (config[field] !== undefined && config[other] === undefined) refuse(field, `needs ${other} as well`);
    }
    // An endpoint that is no URL was told.
    if (config.endpoints.some((endpoint) => !endpoint.startsWith("http:"))) return;
    for (const field of needHttps) {
      if (config[field] !== undefined) refuse(field, "is given, but the endpoints are http; write https://");
    }
  };
}

function pemOf(
  field: string,
  text: string | undefined,
  label: "CERTIFICATE" | "PRIVATE KEY",
): Buffer | undefined {
  if (text === undefined) return undefined;
  const content = Buffer.from(text);
  checkPem(content, label, field);
  return content;
}

function checkedPem(
  field: FileField,
  file: string | undefined,
  content: Buffer | undefined,
  label: "CERTIFICATE" | "PRIVATE KEY",
): Buffer | undefined {
  if (content !== undefined) checkPem(content, label, `${field} ${file ?? ""}`);
  return content;
}

function passwordIn(file: string | undefined, content: Buffer | undefined): string | undefined {
  const password = content?.toString("utf8").replace(/\r?\n$/, "");
  if (password !== "") return password;
  throw new MigratorError("ETCD_CONFIG_INVALID", `passwordFile ${file ?? ""} is empty`, {
    next: "Write the password of the etcd user into the file.",
    details: { field: "passwordFile", file },
  });
}

/** What all files hold. Those that cannot be read are named together: nobody should find them one by one. */
async function readFiles(config: EtcdConfig): Promise<Partial<Record<FileField, Buffer>>> {
  const contents: Partial<Record<FileField, Buffer>> = {};
  const unreadable: { field: FileField; file: string; cause: unknown }[] = [];
  for (const field of FILE_FIELDS) {
    const file = config[field];
    if (file === undefined) continue;
    try {
      contents[field] = await readFile(file);
    } catch (cause) {
      unreadable.push({ field, file, cause });
    }
  }
  const [first] = unreadable;
  if (first === undefined) return contents;
  const messages = unreadable.map(
    ({ field, file, cause }) => `${field} ${file} cannot be read: ${errorMessage(cause)}`,
  );
  throw new MigratorError("ETCD_FILE_UNREADABLE", messages.join("; "), {
    next: `Check the path and the permissions of ${unreadable.length === 1 ? "the file" : "these files"}.`,
    details: { field: first.field, file: first.file },
    cause: first.cause,
  });
}
