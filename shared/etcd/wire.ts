import {
  CompareResult,
  CompareTarget,
  type ICompare,
  type IKeyValue,
  type IRequestOp,
  type IResponseHeader,
  type ITxnResponse,
} from "etcd3";
import type { EtcdKeyValue, EtcdWriteResult } from "./types.ts";

/** etcd's key and value in the project's form. */
export function keyValue(kv: IKeyValue): EtcdKeyValue {
  return {
    key: kv.key.toString("utf8"),
    value: kv.value,
    modRevision: Number(kv.mod_revision),
    createRevision: Number(kv.create_revision),
    version: Number(kv.version),
  };
}

/** The store's revision when an answer was made. */
export function headerRevision(answer: { header: IResponseHeader }): number {
  return Number(answer.header.revision);
}

/** A read of one key as an operation of a transaction. */
export function getOperation(key: string, revision: number | undefined): IRequestOp {
  return { request_range: { key: Buffer.from(key), ...(revision !== undefined && { revision }) } };
}

/** All that the reads of a transaction found. */
export function foundKeys(response: ITxnResponse): EtcdKeyValue[] {
  return response.responses.flatMap(({ response_range }) => response_range.kvs.map(keyValue));
}

/** The condition of a transaction. A key that does not exist has the revision 0. */
export function conditions(key: string, expected: number | "absent" | "any"): ICompare[] {
  if (expected === "any") return [];
  const revision = expected === "absent" ? 0 : expected;
  return [
    {
      key: Buffer.from(key),
      target: CompareTarget.Mod,
      result: CompareResult.Equal,
      mod_revision: revision,
    },
  ];
}

/** A condition that no key ever meets: there is no version below 0, which is that of a key that does not exist. */
export function neverHolds(key: string): ICompare {
  return { key: Buffer.from(key), target: CompareTarget.Version, result: CompareResult.Less, version: 0 };
}

/** What became of a transaction that writes, or else reads the key. */
export function writeResult(response: ITxnResponse): EtcdWriteResult {
  const revision = headerRevision(response);
  if (response.succeeded) return { applied: true, revision };
  const [current] = foundKeys(response);
  return { applied: false, revision, ...(current && { current }) };
}
