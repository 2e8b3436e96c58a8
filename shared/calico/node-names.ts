/** What a Node resource of etcd says about the node's name in an orchestrator. */
export interface OrchRef {
  readonly nodeName?: string | undefined;
  readonly orchestrator?: string | undefined;
}

/** A node as etcd names it, with its references to orchestrators. */
export interface NamedNode {
  readonly name: string;
  readonly orchRefs?: readonly OrchRef[] | undefined;
}

/** A Kubernetes node that more than one node of etcd claims to be. */
export interface NodeNameClash {
  readonly kubernetesName: string;
  readonly etcdNames: readonly string[];
}

/** The Kubernetes name among a node's references; the last one counts, as upstream has it. Undefined without any. */
export function kubernetesNodeName(orchRefs: readonly OrchRef[] | undefined): string | undefined {
  const refs = orchRefs?.filter(
    (ref) => ref.orchestrator === "k8s" && ref.nodeName !== undefined && ref.nodeName !== "",
  );
  return refs?.at(-1)?.nodeName;
}

/**
 * The names of nodes on both sides. etcd may know a node by another name than Kubernetes does (its host name, say);
 * the Kubernetes datastore must use the latter wherever a node is named.
 */
export class NodeNames {
  readonly #toKubernetes: ReadonlyMap<string, string>;
  readonly #toEtcd: ReadonlyMap<string, string>;
  /** Nodes of etcd without a reference to Kubernetes, in the order given. */
  readonly unmapped: readonly string[];
  /** Kubernetes nodes that more than one node of etcd claims: only one of them can be carried. */
  readonly clashes: readonly NodeNameClash[];

  private constructor(claims: ReadonlyMap<string, readonly string[]>, unmapped: readonly string[]) {
    const pairs = [...claims].flatMap(([kubernetes, names]) =>
      names.map((etcd) => [etcd, kubernetes] as const),
    );
    this.#toKubernetes = new Map(pairs);
    this.#toEtcd = new Map(
      [...claims].map(([kubernetes, names]) => [kubernetes, preferred(kubernetes, names)]),
    );
    this.unmapped = unmapped;
    this.clashes = [...claims]
      .filter(([, names]) => names.length > 1)
      .map(([kubernetesName, etcdNames]) => ({ kubernetesName, etcdNames }));
  }

  /** Builds the names from the Node resources of etcd. */
  static from(nodes: Iterable<NamedNode>): NodeNames {
    const claims = new Map<string, string[]>();
    const unmapped: string[] = [];
    for (const { name, orchRefs } of nodes) {
      const kubernetes = kubernetesNodeName(orchRefs);
      if (kubernetes === undefined) unmapped.push(name);
      else claims.set(kubernetes, [...(claims.get(kubernetes) ?? []), name]);
    }
    return new NodeNames(claims, unmapped);
  }

  /** The Kubernetes name of a node of etcd; the name itself when it has no mapping. */
  toKubernetes(name: string): string {
    return this.#toKubernetes.get(name) ?? name;
  }

  /** The name that etcd has for a Kubernetes node; the name itself when it has no mapping. */
  toEtcd(name: string): string {
    return this.#toEtcd.get(name) ?? name;
  }

  /** True when a node of etcd refers to a Kubernetes node. */
  isMapped(name: string): boolean {
    return this.#toKubernetes.has(name);
  }

  /**
   * True when a Kubernetes node's name, taken to etcd, means the same node again. False for a new Kubernetes node whose
   * name etcd already uses for another node.
   */
  isReversible(kubernetesName: string): boolean {
    return this.toKubernetes(this.toEtcd(kubernetesName)) === kubernetesName;
  }
}

/** Of several claimants, the one that is named like the Kubernetes node, else the first. */
function preferred(kubernetesName: string, etcdNames: readonly string[]): string {
  return etcdNames.includes(kubernetesName) ? kubernetesName : (etcdNames[0] ?? kubernetesName);
}
