import type { Followed } from "./errors.ts";

const FOLLOWED_THERE = "shared/etcd/followed-advice.test.ts";
const CONFIG = "shared/etcd/config.test.ts";
const CHANGES = "shared/etcd/changes.test.ts";

/** Errors of etcd, and of the way to it. */
export const ETCD: Followed = {
  "shared/etcd/errors.ts ETCD_NO_LEADER": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_UNREACHABLE": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_UNREACHABLE 2": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_TIMEOUT": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_AUTH": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_TLS": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_FAILED": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_FAILED 2": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_FAILED 3": [FOLLOWED_THERE, "is over once ${cause}"],
  "shared/etcd/errors.ts ETCD_COMPACTED": [
    CHANGES,
    "goes on from what is read anew, where history is gone (ETCD_COMPACTED)",
  ],
  "shared/etcd/changes.ts ETCD_TIMEOUT": [
    CHANGES,
    "goes on once etcd is well again, where nothing came for too long (ETCD_TIMEOUT)",
  ],
  "shared/etcd/client.ts ETCD_UNREACHABLE": [
    FOLLOWED_THERE,
    "for names that lead nowhere is over once they are corrected, or known",
  ],
  "shared/etcd/config.ts ETCD_CONFIG_INVALID": [
    CONFIG,
    "takes what is wrong (ETCD_CONFIG_INVALID) once the named fields are corrected",
  ],
  "shared/etcd/config.ts ETCD_CONFIG_INVALID 2": [
    CONFIG,
    "takes what is wrong (ETCD_CONFIG_INVALID) once the named fields are corrected",
  ],
  "shared/etcd/config.ts ETCD_FILE_UNREADABLE": [
    CONFIG,
    "takes a file (ETCD_FILE_UNREADABLE, ETCD_PEM_INVALID) once it is there, and what it should be",
  ],
  "shared/etcd/pem.ts ETCD_PEM_INVALID": [
    CONFIG,
    "takes a file (ETCD_FILE_UNREADABLE, ETCD_PEM_INVALID) once it is there, and what it should be",
  ],
  "shared/etcd/read-stream.ts ETCD_TIMEOUT": [
    "shared/etcd/read-stream.test.ts",
    "ends the call when a message is late; tried again it is read",
  ],
};
