import { dumpGroups, withoutOwnerUids } from "../../rig/native/dump.ts";
import { carriedBy, withBed } from "./bed.ts";
import { writeHeld } from "./held.ts";
import { runUpstream } from "./upstream.ts";

// Holds again what upstream's controller, which CALICO_KUBE_CONTROLLERS names, makes of a bed's objects.

const RESOURCES = 150;

const binary = process.env["CALICO_KUBE_CONTROLLERS"] ?? "";
if (binary === "") throw new Error("CALICO_KUBE_CONTROLLERS names no binary of upstream's controller");
await withBed({ resources: RESOURCES, controllers: false }, async (bed) => {
  const { old } = await dumpGroups(bed.api);
  await runUpstream(binary, bed, carriedBy(bed));
  const { native } = await dumpGroups(bed.api);
  writeHeld({ old, native: withoutOwnerUids(native) });
});
