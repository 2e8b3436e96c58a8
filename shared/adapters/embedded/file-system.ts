import { readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

/**
 * File systems that other machines may have mounted, too. SQLite's write-ahead log needs memory that all its users share
 * (https://sqlite.org/wal.html, "all processes using a database must be on the same host computer"), and a process of
 * another machine cannot be told to be alive.
 */
const NETWORK =
  /^(nfs\d?|cifs|smb\w*|afs|ceph|glusterfs|lustre|beegfs|gpfs|ocfs2|gfs2?|9p|ncpfs|coda|fuse\.(sshfs|glusterfs|ceph|ceph-fuse|s3fs|gcsfuse|mount-s3|rclone|mfs|juicefs|blobfuse2?|smbnetfs|curlftpfs|davfs2?))$/;

/** The type of the network file system that a path is on; undefined on a local one, and where the system does not tell. */
export function networkFileSystem(path: string): string | undefined {
  const type = fileSystemOf(existing(path), mounts());
  return type !== undefined && NETWORK.test(type) ? type : undefined;
}

/** The type of the file system that an absolute path is on, by the lines of proc_pid_mountinfo(5); the last mount counts. */
export function fileSystemOf(path: string, mountinfo: string): string | undefined {
  let found: { point: string; type: string } | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const point = before.split(" ")[4];
    const [type] = after.split(" ");
    if (point === undefined || type === undefined || type === "") continue;
    const mount = { point: unescaped(point), type };
    if (holds(mount.point, path) && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found?.type;
}

function holds(point: string, path: string): boolean {
  return point === "/" || path === point || path.startsWith(`${point}/`);
}

/** Spaces, tabs, newlines and backslashes stand there as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The path itself, else the nearest folder above it that is there, without symbolic links. */
function existing(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : existing(parent);
  }
}

function mounts(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return "";
  }
}
