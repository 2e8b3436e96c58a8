import { affinityName, cidrName, handleName } from "../../calico/names.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";
import { type Context, nativeVersion } from "./context.ts";
import { reads } from "../target/reads.ts";

/** What native IPAM objects refer to, by kind, as the names of these objects. */
type Needed = Record<"IPAMBlock" | "BlockAffinity" | "IPAMHandle", Set<string>>;

/** Which IPAM objects others of IPAM refer to: read once, when it is first asked for. */
export class IpamInUse {
  readonly #context: Context;
  #reading: Promise<Needed> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** True where a native IPAM object refers to the one with this id, so that addresses go astray without it. */
  async needs(kind: string, id: string): Promise<boolean> {
    this.#reading ??= this.#read();
    const needed = await this.#reading;
    const names = kind in needed ? needed[kind as keyof Needed] : new Set<string>();
    return names.has(id.slice(id.lastIndexOf("/") + 1));
  }

  async #read(): Promise<Needed> {
    const needed: Needed = { IPAMBlock: new Set(), BlockAffinity: new Set(), IPAMHandle: new Set() };
    for await (const block of this.#all("ipamblocks")) addReferences(needed, block);
    for await (const handle of this.#all("ipamhandles"))
      for (const cidr of Object.keys(objectAt(handle, "spec", "block"))) needed.IPAMBlock.add(cidrName(cidr));
    return needed;
  }

  async *#all(plural: string): AsyncGenerator<JsonObject, void> {
    const { signal } = this.#context;
    const ref = { apiVersion: await nativeVersion(this.#context), plural };
    for await (const page of reads(this.#context).pages(ref, { signal })) yield* page;
  }
}

function addReferences(needed: Needed, block: JsonObject): void {
  const [, type = "", node = ""] = /^(host|virtual):(.+)$/.exec(textAt(block, "spec", "affinity")) ?? [];
  if (type === "host") needed.BlockAffinity.add(affinityName(node, textAt(block, "spec", "cidr")));
  for (const attribute of objectsAt(block, "spec", "attributes")) {
    const handle = textAt(attribute, "handle_id");
    if (handle !== "") needed.IPAMHandle.add(handleName(handle));
  }
}
