import type { Followed } from "./errors.ts";

const FOLLOWED_THERE = "shared/kubernetes/followed-advice.test.ts";
const STORED = "shared/kubernetes/stored-kubeconfig.test.ts";
const SERVERS = "shared/kubernetes/stored-kubeconfig-server.test.ts";
const MANIFESTS = "shared/kubernetes/manifests.test.ts";
const CLUSTERS = "cli/commands/clusters/clusters-aws.test.ts";
const KUBECONFIGS = "shared/kubernetes/kubeconfig.test.ts";

/** Errors of the API server, and of the way to it. */
export const KUBERNETES: Followed = {
  "shared/kubernetes/answers.ts KUBERNETES_FORBIDDEN": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_INVALID": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_TOO_MANY_REQUESTS": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_TIMEOUT": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_SERVER_ERROR": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_ADMISSION_NOT_READY": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_ADMISSION_DENIED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_NAMESPACE_TERMINATING": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_QUOTA_EXCEEDED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_BAD_REQUEST": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_ANSWER_INVALID": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/kubernetes/answers.ts KUBERNETES_TOO_LARGE": [
    FOLLOWED_THERE,
    "KUBERNETES_TOO_LARGE is over once the object is smaller",
  ],
  "shared/kubernetes/answers.ts KUBERNETES_UNAUTHORIZED": [
    FOLLOWED_THERE,
    "KUBERNETES_UNAUTHORIZED: with a renewed token it is",
  ],
  "shared/kubernetes/answers.ts KUBERNETES_NOT_FOUND": [
    FOLLOWED_THERE,
    "KUBERNETES_NOT_FOUND is over once it is there",
  ],
  "shared/kubernetes/answers.ts KUBERNETES_CONFLICT": [
    FOLLOWED_THERE,
    "KUBERNETES_CONFLICT is over once nobody else writes to it",
  ],
  "shared/kubernetes/answers.ts KUBERNETES_EXPIRED": [
    FOLLOWED_THERE,
    "KUBERNETES_EXPIRED is over once it is listed anew",
  ],
  "shared/kubernetes/answers.ts KUBERNETES_ALREADY_EXISTS": [
    FOLLOWED_THERE,
    "KUBERNETES_ALREADY_EXISTS is over once the other one is deleted",
  ],
  "shared/kubernetes/changes.ts KUBERNETES_EXPIRED": [
    "shared/kubernetes/changes.test.ts",
    "while no stream has passed the present (KUBERNETES_EXPIRED); listed anew they are",
  ],
  "shared/kubernetes/crds.ts KUBERNETES_CRDS_NOT_ESTABLISHED": [
    FOLLOWED_THERE,
    "is over once the conditions are mended",
  ],
  "shared/kubernetes/credentials.ts KUBECONFIG_INVALID": [
    FOLLOWED_THERE,
    "KUBECONFIG_INVALID: with the file and the server corrected it is",
  ],
  "shared/kubernetes/credentials.ts KUBERNETES_CREDENTIALS": [
    FOLLOWED_THERE,
    "with a plugin that is installed, and works by hand, it is",
  ],
  "shared/kubernetes/discovery.ts KUBERNETES_KIND_UNKNOWN": [
    FOLLOWED_THERE,
    "is over once its CRD is installed, or in a version that is served",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_TIMEOUT": [
    FOLLOWED_THERE,
    "KUBERNETES_TIMEOUT is over once the server is quicker",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_ABORTED": [
    FOLLOWED_THERE,
    "KUBERNETES_ABORTED is over with the next try",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_ANSWER_TOO_LARGE": [
    "shared/kubernetes/answer-limits.test.ts",
    "of an API server it ends",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_TLS": [
    FOLLOWED_THERE,
    "what the kubeconfig says about TLS is as the server is",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_REQUEST_INVALID": [
    FOLLOWED_THERE,
    "without stray characters in the token it is",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_CONNECTION_LOST": [
    FOLLOWED_THERE,
    "KUBERNETES_CONNECTION_LOST is over once the API server answers",
  ],
  "shared/kubernetes/failures.ts KUBERNETES_UNREACHABLE": [
    FOLLOWED_THERE,
    "KUBERNETES_UNREACHABLE: with its right URL it is",
  ],
  "shared/kubernetes/gitops/kinds.ts GITOPS_KIND_UNKNOWN": [
    "shared/kubernetes/gitops/pause.test.ts",
    "is refused; the version that has paused it goes on",
  ],
  "shared/kubernetes/gitops/pause-managers.ts GITOPS_UNSETTLED": [
    "shared/kubernetes/gitops/pause-managers.test.ts",
    "are told; once that is stopped it is paused",
  ],
  "shared/kubernetes/kubeconfig.ts KUBECONFIG_NOT_FOUND": [
    KUBECONFIGS,
    "a file that is given is read, and so is KUBECONFIG",
  ],
  "shared/kubernetes/kubeconfig.ts KUBECONFIG_CONTEXT_MISSING": [
    KUBECONFIGS,
    "a missing context lists the ones there are, which are taken",
  ],
  "shared/kubernetes/kubeconfig.ts KUBECONFIG_INVALID": [
    KUBECONFIGS,
    "what is broken is named without being quoted, and read once it is corrected",
  ],
  "shared/kubernetes/manifest-parser.ts MANIFEST_INVALID": [
    MANIFESTS,
    "is once it is corrected (MANIFEST_INVALID)",
  ],
  "shared/kubernetes/manifest-url.ts MANIFEST_URL_HAS_SECRET": [
    MANIFESTS,
    "is once it is downloaded (MANIFEST_URL_HAS_SECRET)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_EMPTY": [
    MANIFESTS,
    "is another one (MANIFEST_NOT_FOUND, MANIFEST_EMPTY, MANIFEST_TOO_LARGE)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_INVALID": [
    MANIFESTS,
    "is once it is corrected (MANIFEST_INVALID)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_NOT_FOUND": [
    MANIFESTS,
    "is another one (MANIFEST_NOT_FOUND, MANIFEST_EMPTY, MANIFEST_TOO_LARGE)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_UNREACHABLE": [
    MANIFESTS,
    "is at its right URL, or as a file (MANIFEST_UNREACHABLE)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_SOURCE_REFUSED": [
    MANIFESTS,
    "for it is at a URL of another kind is given as a file (MANIFEST_SOURCE_REFUSED)",
  ],
  "shared/kubernetes/manifests.ts MANIFEST_TOO_LARGE": [
    MANIFESTS,
    "is another one (MANIFEST_NOT_FOUND, MANIFEST_EMPTY, MANIFEST_TOO_LARGE)",
  ],
  "shared/kubernetes/resource-versions.ts KUBERNETES_VERSION_UNKNOWN": [
    FOLLOWED_THERE,
    "is over with the API server that stores the resource",
  ],
  "shared/kubernetes/second-version-calls.ts SECOND_VERSION_STORED": [
    "infra-tests/native-bed.infra.test.ts",
    "goes once the error's commands are run",
  ],
  "shared/kubernetes/session.ts KUBECONFIG_INVALID": [
    FOLLOWED_THERE,
    "KUBECONFIG_INVALID: with the file and the server corrected it is",
  ],
  "shared/kubernetes/stored-kubeconfig-files.ts KUBECONFIG_FILE_UNREADABLE": [
    STORED,
    "names the field and the file that cannot be read, and takes it once it is there",
  ],
  "shared/kubernetes/stored-kubeconfig.ts KUBECONFIG_CREDENTIALS_MISSING": [
    CLUSTERS,
    "takes a cluster without credentials that can be stored as it says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_EXEC_REFUSED": [
    CLUSTERS,
    "takes a cluster without credentials that can be stored as it says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_AUTH_PROVIDER_REFUSED": [
    CLUSTERS,
    "takes a cluster without credentials that can be stored as it says",
  ],
  "shared/kubernetes/watch-lines.ts KUBERNETES_ANSWER_TOO_LARGE": [
    "shared/kubernetes/watch-lines.test.ts",
    "does not collect a line that never ends; of an API server they do",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_FILE_REFUSED": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_INSECURE_TLS_REFUSED": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_PROXY_REFUSED": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_IMPERSONATION_REFUSED": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_FIELD_UNKNOWN": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-fields.ts KUBECONFIG_INVALID": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-material.ts KUBECONFIG_DATA_INVALID": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig.ts KUBECONFIG_INVALID": [
    STORED,
    "is over once it is as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-addresses.ts SERVER_ADDRESS_REFUSED": [
    SERVERS,
    "is over once it is written as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-server.ts SERVER_ADDRESS_REFUSED": [
    SERVERS,
    "is over once it is written as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-server.ts SERVER_HTTP_REFUSED": [
    SERVERS,
    "is over once it is written as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-server.ts SERVER_NOT_ALLOWED": [
    SERVERS,
    "is over once it is written as the error says",
  ],
  "shared/kubernetes/stored-kubeconfig-server.ts SERVER_URL_INVALID": [
    SERVERS,
    "is over once it is written as the error says",
  ],
};
