import { StoreUnavailableError } from "../../engine/errors.ts";
import type { Artifact, Clock } from "../../engine/ports.ts";
import type { Database } from "./database.ts";
import { holderName, isHolderDead } from "./holder.ts";

/** How long a replaced artifact, or a draft whose writer cannot be judged, is kept after it was touched last. */
const keptMs = 24 * 60 * 60 * 1000;

/** A visible artifact: where its chunks are, and what they add up to. */
interface ArtifactRow {
  id: number;
  bytes: number;
  sha256: string;
}

/** The tables of artifacts and their chunks. Every method runs inside a transaction. */
export class ArtifactRows {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #writer = holderName();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  createDraft(name: string): number {
    const sql =
      "INSERT INTO artifacts (name, state, writer, touched_at) VALUES (?, 'draft', ?, ?) RETURNING artifact_id";
    return Number(this.#database.get(sql, name, this.#writer, this.#clock.now())?.["artifact_id"]);
  }

  addChunk(draft: number, chunk: number, content: Uint8Array): void {
    this.#touchDraft(draft);
    this.#database.run(
      "INSERT INTO chunks (artifact_id, chunk, content) VALUES (?, ?, ?)",
      draft,
      chunk,
      content,
    );
  }

  /** Makes a draft visible instead of what had its name until now. */
  publish(draft: number, artifact: Artifact): void {
    this.#touchDraft(draft);
    this.#database.run(
      "UPDATE artifacts SET state = 'replaced', touched_at = ? WHERE name = ? AND state = 'visible'",
      this.#clock.now(),
      artifact.name,
    );
    this.#database.run(
      "UPDATE artifacts SET state = 'visible', bytes = ?, sha256 = ? WHERE artifact_id = ?",
      artifact.bytes,
      artifact.sha256,
      draft,
    );
  }

  findVisible(name: string): ArtifactRow | undefined {
    const sql = "SELECT artifact_id AS id, bytes, sha256 FROM artifacts WHERE name = ? AND state = 'visible'";
    return this.#database.get(sql, name) as unknown as ArtifactRow | undefined;
  }

  list(prefix: string): Artifact[] {
    const rows = this.#database.all(
      `SELECT name, bytes, sha256 FROM artifacts
       WHERE state = 'visible' AND substr(name, 1, length(?1)) = ?1 ORDER BY name`,
      prefix,
    );
    return rows.map((row) => ({ ...row }) as unknown as Artifact);
  }

  getChunk(artifactId: number, chunk: number): Uint8Array | undefined {
    const sql = "SELECT content FROM chunks WHERE artifact_id = ? AND chunk = ?";
    return this.#database.get(sql, artifactId, chunk)?.["content"] as Uint8Array | undefined;
  }

  remove(artifactId: number): void {
    this.#database.run("DELETE FROM chunks WHERE artifact_id = ?", artifactId);
    this.#database.run("DELETE FROM artifacts WHERE artifact_id = ?", artifactId);
  }

  /** Takes away what is visible under a prefix and was written before `before`, the oldest first; readers that have begun go on. */
  retire(prefix: string, before: number, limit: number): void {
    this.#database.run(
      `UPDATE artifacts SET state = 'replaced', touched_at = ?1 WHERE artifact_id IN (
         SELECT artifact_id FROM artifacts
         WHERE state = 'visible' AND substr(name, 1, length(?2)) = ?2 AND touched_at < ?3
         ORDER BY touched_at LIMIT ?4)`,
      this.#clock.now(),
      prefix,
      before,
      limit,
    );
  }

  removeGarbage(): void {
    const rows = this.#database.all(
      "SELECT artifact_id, state, writer, touched_at FROM artifacts WHERE state <> 'visible'",
    );
    const oldest = this.#clock.now() - keptMs;
    for (const row of rows) {
      const abandoned = row["state"] === "draft" && isHolderDead(String(row["writer"]));
      if (abandoned || Number(row["touched_at"]) < oldest) this.remove(Number(row["artifact_id"]));
    }
  }

  /** A draft that was left alone for too long may have been removed as garbage: then it cannot be completed. */
  #touchDraft(draft: number): void {
    const sql = "UPDATE artifacts SET touched_at = ? WHERE artifact_id = ? AND state = 'draft'";
    if (this.#database.run(sql, this.#clock.now(), draft) === 1) return;
    throw new StoreUnavailableError(
      "an artifact was being written for so long that its beginning was removed",
    );
  }
}
