import { KIND_SINCE, NEWEST_KNOWN, OLDEST_KNOWN, RULE_CHANGES, rulesOf, type VersionRules } from "./rules.ts";
import { TRIED } from "./tried.ts";
import { versionText } from "./version.ts";

/** docs/versions.md, without the spaces that align its tables. */
export function versionsPage(): string {
  return [
    "# Versions",
    "This page is made of the data that the migrations use (`npm run generate:versions`); a test keeps it in step.",
    "## What was tried",
    table(
      ["migration", "Calico of the source", "Calico of the target", "Kubernetes", "how"],
      TRIED.map(({ migration, from, to, kubernetes, how }) => [
        `\`${migration}\``,
        from,
        to,
        kubernetes,
        how,
      ]),
    ),
    "Besides, unit tests run every conversion, there and back, through CRDs of 3.15, 3.22, 3.24, 3.26, 3.28, 3.29, 3.30, 3.32 and 3.34, with each of 3.15, 3.28, 3.31 and 3.34 as the Calico of etcd.",
    "## How `etcd-to-kubernetes` knows the version",
    "The Calico that will use the target decides about names, labels and what is filled in: that of `--calico-version`, else of calico-node's image in the manifest, else of the calico-node that runs, else of ClusterInformation in etcd. Where none of them tells, the kinds that have a CRD are taken for it. `plan` shows the version, and where it was found (check `calico-version`). The Calico of etcd decides in the same way on the way back: that of the manifest for etcd, else of the calico-node that ran before, else of ClusterInformation.",
    "The CRDs of the target decide which kinds and fields there are. What the source has of a kind without a CRD is left behind by name, with consent; so are settings and IPAM's bookkeeping in fields that the CRD has not, where they say something. A policy or a pool with such a field is not carried: preflight names it.",
    `Rules are known from ${versionText(OLDEST_KNOWN)} to ${versionText(NEWEST_KNOWN)}. A newer version is taken for the newest of them, an older one for the oldest, with a warning.`,
    "## What differs in crd.projectcalico.org/v1",
    table(
      [
        "since",
        "policy `deny-db` is stored as",
        "stores the user's name of",
        "labels are",
        "tiers",
        "affinities have labels",
        "written into pools without it",
      ],
      RULE_CHANGES.map(({ since }) => [versionText(since), ...rowOf(rulesOf(since))]),
    ),
    "## Kinds",
    table(
      ["kind", "has a CRD since"],
      Object.entries(KIND_SINCE).map(([kind, since]) => [kind, versionText(since)]),
    ),
    "All other kinds are there since the oldest known version.",
  ].join("\n\n");
}

const NAMES: Readonly<Record<VersionRules["policyNames"], string>> = {
  default: "`default.deny-db`",
  tier: "`default.deny-db`; of another tier `TIER.deny-db`",
  given: "`deny-db`",
};

function rowOf(rules: VersionRules): string[] {
  const { policyNames, namedKinds, labels, tiers, affinityLabels, poolDefaults } = rules;
  return [
    NAMES[policyNames],
    namedKinds.length === 0 ? "-" : namedKinds.join(", "),
    labels === "object" ? "on the object" : "in the metadata annotation",
    yes(tiers),
    yes(affinityLabels),
    Object.keys(poolDefaults).join(", ") || "-",
  ];
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
