import assert from "node:assert/strict";
import { MigratorError } from "../../errors.ts";

/** Fails unless it is refused with this code, and gives what is advised. */
export async function advice(asked: Promise<unknown>, code: string): Promise<string> {
  const error = await asked.then(
    () => assert.fail(`no ${code}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MigratorError, String(error));
  assert.equal(error.code, code, error.message);
  return error.next;
}
