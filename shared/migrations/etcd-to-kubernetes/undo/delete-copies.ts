import { undoCopiesSweep } from "../../copying/undo-copies.ts";
import { decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { refOf } from "../target-refs.ts";

/** Takes everything that this run copied out of the target again. */
export const undoCopies = undoCopiesSweep<EtcdToKubernetesOptions>({
  refOf: async (context) => {
    const { targetGroup } = await decisions(context);
    return (row) => refOf(row, targetGroup);
  },
});
