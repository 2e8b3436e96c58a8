import { z } from "zod";
import { MigratorError } from "../../../errors.ts";
import { EtcdMaterial } from "../../../etcd/config.ts";
import { parseStoredKubeconfig } from "../../../kubernetes/stored-kubeconfig.ts";
import { EksCluster } from "./eks-cluster.ts";

/** What the secret of a cluster holds, version 1: exactly one of `kubeconfig` and `eks`, and Calico's etcd where it has one. */
export const ClusterSecret = z
  .strictObject({
    version: z.literal(1),
    /** The text of a kubeconfig that `parseStoredKubeconfig` accepts. */
    kubeconfig: z.string().min(1).optional(),
    eks: EksCluster.optional(),
    etcd: EtcdMaterial.optional(),
  })
  .refine(({ kubeconfig, eks }) => (kubeconfig === undefined) !== (eks === undefined), {
    path: ["kubeconfig"],
    message: "exactly one of kubeconfig and eks must be given",
  })
  .refine(
    ({ etcd }) => etcd?.password === undefined || etcd.endpoints.every((url) => url.startsWith("https:")),
    {
      path: ["etcd", "password"],
      message: "is given, but the endpoints are http, which would show it; write https://",
    },
  );
export type ClusterSecret = z.infer<typeof ClusterSecret>;

/** What is needed of a cluster where nothing of it is secret: it can be registered without a secret. */
export function withoutSecret({ eks, etcd }: ClusterSecret): EksCluster | undefined {
  return etcd === undefined ? eks : undefined;
}

/** Parses the text of a secret. Throws CLUSTER_SECRET_INVALID, which names the secret and the fields, never their content. */
export function parseClusterSecret(secretName: string, text: string): ClusterSecret {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser quotes the text.
    throw clusterSecretInvalid(secretName, "it is not JSON");
  }
  const parsed = ClusterSecret.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.map(String).join(".") || "it"}: ${message}`,
  );
  throw clusterSecretInvalid(secretName, problems.join("; "));
}

/** The error about a secret that cannot be used; `cause` may tell more than the field. */
export function clusterSecretInvalid(secretName: string, problem: string, cause?: unknown): MigratorError {
  const reason = cause instanceof MigratorError ? { reason: cause.code } : {};
  return new MigratorError("CLUSTER_SECRET_INVALID", `the secret ${secretName} cannot be used: ${problem}`, {
    next:
      cause instanceof MigratorError
        ? cause.next
        : "Write it again with `calico-migrator clusters add NAME --replace --aws` and the options that it was added with.",
    details: { secret: secretName, ...reason },
    cause,
  });
}

/**
 * Every value of a secret that must never be seen: tokens, passwords, and private keys as base64, as PEM and line by line,
 * since texts are often shown with their line ends changed.
 */
export function secretValuesOf(secret: ClusterSecret): string[] {
  const { kubeconfig, etcd } = secret;
  const stored = kubeconfig === undefined ? [] : [kubeconfig, ...kubeconfigSecrets(kubeconfig)];
  const values = [...stored, etcd?.password ?? "", etcd?.key ?? ""].filter((value) => value !== "");
  return [...new Set(values.flatMap((value) => [value, ...keyLines(value)]))];
}

/** A kubeconfig that is refused gives its values as well: they may be secret all the same. */
function kubeconfigSecrets(text: string): string[] {
  try {
    return parseStoredKubeconfig(text, { allowLoopback: true }).secrets();
  } catch {
    return [...text.matchAll(/(?:token|password|client-key-data)"?\s*:\s*"?([^\s"',}]+)/g)].map(
      ([, value = ""]) => value,
    );
  }
}

function keyLines(value: string): string[] {
  if (!value.includes("PRIVATE KEY-----")) return [];
  return value.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("-----"));
}
