import { startNativeBed } from "../rig/native/bed.ts";
import type { StageSet } from "./stage-set.ts";

const NODES = 3;
const LEAST = 100;

/**
 * Obtains a real Kubernetes API with simulated nodes, Calico's objects in the old group, an aggregated API server that serves
 * them, and the Calico that uses it. `tell` is told what is being done.
 */
export async function buildNativeStageSet(
  options: { resources: number },
  tell: (text: string) => void,
): Promise<StageSet> {
  const resources = Math.max(LEAST, options.resources);
  tell("starting Kubernetes (the first time it is built, which takes about 5 minutes)");
  tell(`writing ${resources} objects of Calico behind an aggregated API server`);
  const bed = await startNativeBed({ resources, nodes: NODES });
  const words = ["--kubeconfig", bed.kubernetes.kubeconfig, "--crds", bed.manifestFile];
  return { words, stop: () => bed.stop() };
}
