import { NATIVE_GENERATIONS } from "../../harness/crd-generations.ts";

/** Names the generation of Calico that native beds are of, by major and minor: `3.32`. Default: the newest. */
const CALICO_VARIABLE = "CALICO_MIGRATOR_TEST_CALICO";

/** The generation of Calico that native beds are of; undefined for the newest. Throws for one that is not known. */
export function calicoOfBeds(): string | undefined {
  const given = process.env[CALICO_VARIABLE] ?? "";
  if (given === "") return undefined;
  if (NATIVE_GENERATIONS.some((one) => one === given)) return given;
  throw new Error(`${CALICO_VARIABLE} is "${given}", and has to be one of ${NATIVE_GENERATIONS.join(", ")}`);
}
