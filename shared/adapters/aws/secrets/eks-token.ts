import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

/** AWS credentials of one moment. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** What a token says. */
export interface EksTokenRequest {
  clusterName: string;
  region: string;
  credentials: AwsCredentials;
  /** The moment of the signature: the server accepts the token for 15 minutes from then. */
  signedAt: Date;
}

/** Part of the signature only: the token itself is accepted for longer. */
const expiresSeconds = 60;

/**
 * A bearer token for an EKS cluster: a GetCallerIdentity request to the regional STS, signed for this cluster in its query
 * and not sent. The server makes the request to learn who asks.
 * Source: the token format of aws-iam-authenticator (`k8s-aws-v1`).
 */
export async function signEksToken({
  clusterName,
  region,
  credentials,
  signedAt,
}: EksTokenRequest): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new SignatureV4({
    service: "sts",
    region,
    sha256: Sha256,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  });
  const hostname = stsHost(region);
  const request = {
    method: "GET",
    protocol: "https:",
    hostname,
    path: "/",
    query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    headers: { host: hostname, "x-k8s-aws-id": clusterName },
  };
  const signed = await signer.presign(request, { signingDate: signedAt, expiresIn: expiresSeconds });
  const url = `https://${hostname}/?${queryOf(signed.query ?? {})}`;
  return `k8s-aws-v1.${Buffer.from(url).toString("base64url")}`;
}

function stsHost(region: string): string {
  return `sts.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

/** RFC 3986, as the signature was made over it: encodeURIComponent leaves five more characters alone. */
function queryOf(query: Readonly<Record<string, unknown>>): string {
  const encode = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  return Object.entries(query)
    .map(([name, value]) => `${encode(name)}=${encode(String(value))}`)
    .join("&");
}
