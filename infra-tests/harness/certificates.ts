import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { der } from "./der.ts";

/** A certificate and its private key, both PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** A certificate authority. */
export interface Authority extends Certificate {
  commonName: string;
}

/** What a certificate is for. */
export interface CertificateRequest {
  commonName: string;
  /** Becomes the group of a Kubernetes client certificate. */
  organization?: string;
  /** DNS names and IPv4 addresses. */
  hosts?: readonly string[];
  /** Default one hour ago, and ten years after that. */
  notBefore?: Date;
  notAfter?: Date;
}

const OID = {
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  subjectAlternativeName: "2.5.29.17",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
};

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS;

/** A new self-signed certificate authority (ECDSA P-256). */
export function createAuthority(commonName: string): Authority {
  return { commonName, ...issue({ commonName }, undefined) };
}

/** A new certificate for servers and clients alike, signed by `authority`. */
export function createCertificate(authority: Authority, request: CertificateRequest): Certificate {
  return issue(request, authority);
}

/** Writes `<name>.crt` and `<name>.key` (mode 0600) into a folder and returns their paths. */
export function writeCertificate(dir: string, name: string, certificate: Certificate): Certificate {
  const paths = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) };
  writeFileSync(paths.cert, certificate.cert);
  writeFileSync(paths.key, certificate.key, { mode: 0o600 });
  return paths;
}

function issue(request: CertificateRequest, issuer: Authority | undefined): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signingKey = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const body = der.sequence(
    der.context(0, der.integer(Buffer.from([2]))),
    der.integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    der.sequence(der.oid(OID.ecdsaWithSha256)),
    nameOf(issuer ?? request),
    validity(request),
    nameOf(request),
    publicKey.export({ type: "spki", format: "der" }),
    der.context(3, issuer === undefined ? authorityExtensions() : leafExtensions(request.hosts ?? [])),
  );
  const signature = sign("sha256", body, signingKey);
  const whole = der.sequence(body, der.sequence(der.oid(OID.ecdsaWithSha256)), der.bits(signature));
  return { cert: pem(whole), key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

function nameOf({ commonName, organization }: CertificateRequest): Buffer {
  const attribute = (oid: string, text: string) => der.set(der.sequence(der.oid(oid), der.utf8(text)));
  return der.sequence(
    ...(organization === undefined ? [] : [attribute(OID.organization, organization)]),
    attribute(OID.commonName, commonName),
  );
}

function validity({ notBefore, notAfter }: CertificateRequest): Buffer {
  const from = notBefore ?? new Date(Date.now() - HOUR_MS);
  return der.sequence(der.time(from), der.time(notAfter ?? new Date(from.getTime() + TEN_YEARS_MS)));
}

function authorityExtensions(): Buffer {
  return der.sequence(
    extension(OID.basicConstraints, der.sequence(der.boolean(true)), true),
    extension(OID.keyUsage, der.bits(Buffer.from([0b0000_0110]), 1), true),
  );
}

function leafExtensions(hosts: readonly string[]): Buffer {
  return der.sequence(
    extension(OID.basicConstraints, der.sequence(), true),
    extension(OID.keyUsage, der.bits(Buffer.from([0b1000_0000]), 7), true),
    extension(OID.extendedKeyUsage, der.sequence(der.oid(OID.serverAuth), der.oid(OID.clientAuth))),
    ...(hosts.length === 0
      ? []
      : [extension(OID.subjectAlternativeName, der.sequence(...hosts.map(hostName)))]),
  );
}

function hostName(host: string): Buffer {
  return isIP(host) === 4
    ? der.context(7, Buffer.from(host.split(".").map(Number)), true)
    : der.context(2, Buffer.from(host, "ascii"), true);
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octets(value));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
