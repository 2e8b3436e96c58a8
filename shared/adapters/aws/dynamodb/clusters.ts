import { z } from "zod";
import { ClusterBusyError } from "../../../engine/errors.ts";
import { ClusterExistsError, ClusterNotFoundError } from "../../cluster-errors.ts";
import { checkCluster, CLUSTER_FIELDS } from "../../cluster-rules.ts";
import { EksCluster } from "../secrets/eks-cluster.ts";
import { ABSENT, PRESENT } from "./actions.ts";
import { ALL_ENDED, unfinishedOf } from "./cluster-state.ts";
import { type Document, fromDocument, toDocument } from "./document.ts";
import { clusterKey, clusterStateKey, rangeOf } from "./keys.ts";
import type { Table } from "./table.ts";

/** A cluster that functions may reach. How is in a secret; here is only what people may see. */
export interface RegisteredCluster {
  name: string;
  labels?: Record<string, string>;
  /** URL of the API server. */
  server: string;
  /** URLs of the etcd that holds Calico's data, where there is one. */
  etcdEndpoints?: string[];
  /** The secret that holds the connection, where there is anything secret about it. */
  secretArn?: string;
  /** The connection to an EKS cluster: functions sign their tokens themselves. Either this or a secret. */
  eks?: EksCluster;
}

interface ClusterItem {
  cluster: Document;
}

const url = z.string().refine(isPlainUrl, "must be an http(s) URL without user, password and query");

const clusterSchema = z
  .strictObject({
    ...CLUSTER_FIELDS,
    server: url,
    etcdEndpoints: z.array(url).optional(),
    secretArn: z
      .string()
      .regex(/^arn:[\w-]+:secretsmanager:[\w-]*:\d*:secret:[^\s]+$/, "must be the ARN of a secret")
      .optional(),
    eks: EksCluster.optional(),
  })
  .refine(({ secretArn, eks }) => (secretArn === undefined) !== (eks === undefined), {
    path: ["secretArn"],
    message: "or eks must be given, and not both",
  });

/** The registry of clusters, in the table of the runs. */
export class DynamoDbClusters {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /**
   * Registers a cluster. Throws ClusterExistsError when the name is taken, unless `replace` is set, and
   * ClusterInvalidError, which names the field and never its value.
   */
  async add(cluster: RegisteredCluster, options: { replace?: boolean } = {}): Promise<void> {
    checkCluster(clusterSchema, cluster);
    const put = { ...clusterKey(cluster.name), cluster: toDocument(cluster) };
    const actions = options.replace === true ? [{ put }] : [{ put, if: ABSENT }];
    if ((await this.#table.transact(() => actions)) !== undefined) throw new ClusterExistsError(cluster.name);
  }

  async get(name: string): Promise<RegisteredCluster | undefined> {
    const item = await this.#table.get<ClusterItem>(clusterKey(name));
    return item && parse(item);
  }

  /** By name. */
  async list(): Promise<RegisteredCluster[]> {
    const clusters: RegisteredCluster[] = [];
    for await (const page of this.#table.query<ClusterItem>({ range: rangeOf("CLUSTERS", "CLUSTER#") })) {
      clusters.push(...page.map(parse));
    }
    return clusters;
  }

  /** Throws ClusterNotFoundError, or ClusterBusyError while a run of the cluster has not ended: it could not go on. */
  async remove(name: string): Promise<void> {
    const refusals = await this.#table.transact(() => [
      { remove: clusterKey(name), if: PRESENT },
      { check: clusterStateKey(name), if: ALL_ENDED },
    ]);
    if (refusals?.[1] !== undefined) throw new ClusterBusyError(name, unfinishedOf(refusals[1].item));
    if (refusals !== undefined) throw new ClusterNotFoundError(name);
  }
}

function isPlainUrl(text: string): boolean {
  const parsed = URL.parse(text);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) return false;
  return parsed.username === "" && parsed.password === "" && parsed.search === "" && !/\s/.test(text);
}

function parse({ cluster }: ClusterItem): RegisteredCluster {
  return fromDocument(cluster) as RegisteredCluster;
}
