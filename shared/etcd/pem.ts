import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { MigratorError } from "../errors.ts";

/** Throws ETCD_PEM_INVALID unless the content holds a PEM block of the kind that a TLS client can use. */
export function checkPem(content: Buffer, label: "CERTIFICATE" | "PRIVATE KEY", what: string): void {
  const text = content.toString("latin1");
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw invalid(`${what} is encrypted`, "Give an unencrypted copy of the key, readable by you alone.");
  }
  if (!new RegExp(`-----BEGIN ([A-Z0-9]+ )?${label}-----`).test(text)) {
    throw invalid(`${what} holds no PEM block "${label}"`, "Give the file in PEM format.");
  }
  if (label === "CERTIFICATE" && !isCertificate(content)) {
    throw invalid(
      `${what} holds a damaged certificate`,
      "Get the file again from where etcd's certificates are made.",
    );
  }
}

/** Throws ETCD_PEM_INVALID unless the key is the certificate's. */
export function checkPair(pair: { cert: Buffer; key: Buffer }, what: string): void {
  try {
    createSecureContext(pair);
  } catch {
    // What OpenSSL says is left out, as it might quote the key.
    throw invalid(`${what}: damaged, or not a pair`, "Give a certificate and the key it was made for.");
  }
}

function isCertificate(content: Buffer): boolean {
  try {
    new X509Certificate(content);
    return true;
  } catch {
    return false;
  }
}

function invalid(message: string, next: string): MigratorError {
  return new MigratorError("ETCD_PEM_INVALID", message, { next });
}
