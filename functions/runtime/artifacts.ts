import type { ArtifactStore } from "../../shared/engine/ports.ts";

/** The artifacts of a bucket; what speaks to S3 is loaded when it is first needed, as most messages need none of it. */
export function bucketArtifacts(bucket: string): ArtifactStore {
  let opening: Promise<ArtifactStore> | undefined;
  const open = (): Promise<ArtifactStore> => (opening ??= load(bucket));
  return {
    write: async (name, content) => (await open()).write(name, content),
    read: async function* (name) {
      yield* (await open()).read(name);
    },
    find: async (name) => (await open()).find(name),
    list: async (prefix) => (await open()).list(prefix),
  };
}

async function load(bucket: string): Promise<ArtifactStore> {
  const { openBucket } = await import("./open-bucket.ts");
  return openBucket(bucket);
}
