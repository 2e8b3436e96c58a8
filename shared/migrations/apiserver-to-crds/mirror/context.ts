import type { ShowContext } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

/** What showing a run of this migration may use. */
export type MirrorContext = ShowContext<ClusterConnections, ApiserverToCrdsOptions>;
