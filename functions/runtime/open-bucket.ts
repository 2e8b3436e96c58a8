import { S3Client } from "@aws-sdk/client-s3";
import { OBJECT_TIME_OUTS } from "../../shared/adapters/aws/calls/time-outs.ts";
import { S3ArtifactStore } from "../../shared/adapters/aws/s3/artifact-store.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";

/** The artifacts of a bucket. */
export function openBucket(bucket: string): ArtifactStore {
  return new S3ArtifactStore({ s3: new S3Client({ requestHandler: OBJECT_TIME_OUTS }), bucket });
}
