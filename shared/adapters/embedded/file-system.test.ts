import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { describe, test } from "node:test";
import { fileSystemOf, networkFileSystem } from "./file-system.ts";

const MOUNTS = `\
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /home rw,relatime shared:20 - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/me/with\\040space rw - tmpfs tmpfs rw
32 22 0:42 / /mnt/data rw master:3 propagate_from:2 - fuse.sshfs me@host: rw
33 22 0:43 / /mnt/data rw - xfs /dev/sdb1 rw
`;

describe("the file system of a path", () => {
  for (const [path, type] of [
    ["/var/lib/store.db", "ext4"],
    ["/home/me/store.db", "nfs4"],
    ["/homes/store.db", "ext4"],
    ["/home/me/with space/store.db", "tmpfs"],
    ["/mnt/data", "xfs"],
  ] as const) {
    test(`of ${path} is ${type}`, () => {
      assert.equal(fileSystemOf(path, MOUNTS), type);
    });
  }

  test("is unknown where the system tells nothing", () => {
    assert.equal(fileSystemOf("/a", ""), undefined);
  });

  test("of a folder for temporary files is local, also for a path that is not there yet", () => {
    assert.equal(networkFileSystem(`${tmpdir()}/a/b/c/store.db`), undefined);
  });
});
