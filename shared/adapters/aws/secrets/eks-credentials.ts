import { REQUEST_TIME_OUTS } from "../calls/time-outs.ts";
import type { EksCredentials } from "./eks-tokens.ts";

type Provider = Awaited<ReturnType<typeof makeProvider>>;

/**
 * Credentials of this process (the default chain), or of the role that a cluster names, assumed with them. Each is kept by
 * its provider until shortly before it expires.
 */
export function eksCredentials(): EksCredentials {
  const providers = new Map<string, Promise<Provider>>();
  return async ({ region, roleArn }) => {
    const key = `${region}\n${roleArn ?? ""}`;
    const provider = providers.get(key) ?? makeProvider(region, roleArn);
    providers.set(key, provider);
    return (await provider)();
  };
}

/** Loaded only for EKS clusters: the providers bring clients of several services with them. */
async function makeProvider(region: string, roleArn: string | undefined) {
  const { fromNodeProviderChain, fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  if (roleArn === undefined) return fromNodeProviderChain();
  return fromTemporaryCredentials({
    params: { RoleArn: roleArn, RoleSessionName: "calico-migrator" },
    clientConfig: { region, requestHandler: REQUEST_TIME_OUTS },
  });
}
