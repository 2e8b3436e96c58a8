import { createPrivateKey, X509Certificate } from "node:crypto";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { TlsMaterial } from "./credentials.ts";
import { textAt } from "./fields.ts";

const base64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

/**
 * The TLS part of a stored cluster and user, decoded and checked, so that damage shows when it is stored and not when it
 * is used. Throws KUBECONFIG_DATA_INVALID naming the field, never its content.
 */
export function tlsOf(
  [clusterPath, cluster]: readonly [path: string, cluster: JsonObject],
  [userPath, user]: readonly [path: string, user: JsonObject],
): TlsMaterial {
  const ca = pemAt(clusterPath, cluster, "certificate-authority-data", checkCertificates);
  const cert = pemAt(userPath, user, "client-certificate-data", checkCertificates);
  const key = pemAt(userPath, user, "client-key-data", checkKey);
  const serverName = textAt(cluster, "tls-server-name");
  if (cert !== undefined || key !== undefined) checkPair(userPath, cert, key);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== "" && { servername: serverName }),
  };
}

function pemAt(
  path: string,
  entry: JsonObject,
  name: string,
  check: (field: string, pem: string) => void,
): string | undefined {
  const data = textAt(entry, name);
  return data === "" ? undefined : decode(`${path}.${name}`, data, check);
}

/** The certificates (PEM) of an authority, from base64. Throws KUBECONFIG_DATA_INVALID. */
export function authorityOf(field: string, data: string): string {
  return decode(field, data, checkCertificates);
}

function decode(field: string, data: string, check: (field: string, pem: string) => void): string {
  if (!base64.test(data)) throw invalid(field, "is not base64");
  const pem = Buffer.from(data, "base64").toString("latin1");
  check(field, pem);
  return pem;
}

function checkCertificates(field: string, pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw invalid(field, "holds no PEM certificate");
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch {
    throw invalid(field, "holds a damaged certificate");
  }
}

function checkKey(field: string, pem: string): void {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    throw invalid(field, "holds an encrypted key");
  }
  try {
    createPrivateKey(pem);
  } catch {
    // What OpenSSL says is left out, as it might quote the key.
    throw invalid(field, "holds no PEM private key");
  }
}

function checkPair(path: string, cert: string | undefined, key: string | undefined): void {
  if (cert === undefined || key === undefined) {
    throw invalid(path, "has a client certificate without its key, or a key without its certificate");
  }
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  throw invalid(`${path}.client-key-data`, "is not the key of client-certificate-data");
}

function invalid(field: string, problem: string): MigratorError {
  return new MigratorError("KUBECONFIG_DATA_INVALID", `${field} ${problem}`, {
    next: "Get the kubeconfig again from where the cluster's certificates are made.",
    details: { field },
  });
}
