import { readFileSync } from "node:fs";

const FILES = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** What tells this machine from every other, across boots (machine-id(5)); empty where the system does not tell. */
export function machineId(): string {
  for (const file of FILES) {
    try {
      const id = readFileSync(file, "utf8").trim();
      if (/^[0-9a-f]{32}$/.test(id)) return id;
    } catch {
      // The other place, then.
    }
  }
  return "";
}
