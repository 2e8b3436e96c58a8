import { readFileSync } from "node:fs";
import { Etcd3, type IOptions } from "etcd3";
import type { EtcdHandle } from "./etcd.ts";

/** What is needed to reach an etcd: an {@link EtcdHandle}, or the same of a proxy before one. */
export type EtcdAddress = Pick<EtcdHandle, "endpoint" | "caFile" | "certFile" | "keyFile">;

type Credentials = NonNullable<IOptions["credentials"]>;

/** Opens a plain etcd3 client, not the product's, for the time of `body`. */
export async function withEtcdClient<T>(etcd: EtcdAddress, body: (client: Etcd3) => Promise<T>): Promise<T> {
  const client = new Etcd3(clientOptions(etcd));
  try {
    return await body(client);
  } finally {
    client.close();
  }
}

function clientOptions({ endpoint, caFile, certFile, keyFile }: EtcdAddress): IOptions {
  return {
    hosts: endpoint,
    ...(caFile === undefined ? {} : { credentials: credentials(caFile, certFile, keyFile) }),
    grpcOptions: { "grpc.max_receive_message_length": -1 },
  };
}

function credentials(caFile: string, certFile: string | undefined, keyFile: string | undefined): Credentials {
  const rootCertificate = readFileSync(caFile);
  if (certFile === undefined || keyFile === undefined) return { rootCertificate };
  return { rootCertificate, certChain: readFileSync(certFile), privateKey: readFileSync(keyFile) };
}
