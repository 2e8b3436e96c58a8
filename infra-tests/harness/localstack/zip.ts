import { crc32 } from "node:zlib";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
// Unix, regular file, rw-r--r--: Lambda refuses what its user cannot read.
const MADE_BY_UNIX = 0x0314;
const MODE = (0o100644 << 16) >>> 0;

interface Entry {
  name: Buffer;
  data: Buffer;
  offset: number;
}

/** A zip archive of text files, uncompressed, by path: what CreateFunction takes. */
export function zip(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const entries: Entry[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const entry = { name: Buffer.from(path), data: Buffer.from(text), offset };
    const part = Buffer.concat([local(entry), entry.name, entry.data]);
    entries.push(entry);
    parts.push(part);
    offset += part.length;
  }
  const directory = Buffer.concat(entries.flatMap((entry) => [central(entry), entry.name]));
  return Buffer.concat([...parts, directory, end(entries.length, directory.length, offset)]);
}

function local(entry: Entry): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL, 0);
  header.writeUInt16LE(20, 4);
  writeSizes(header, 14, entry);
  return header;
}

function central(entry: Entry): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(CENTRAL, 0);
  header.writeUInt16LE(MADE_BY_UNIX, 4);
  header.writeUInt16LE(20, 6);
  writeSizes(header, 16, entry);
  header.writeUInt32LE(MODE, 38);
  header.writeUInt32LE(entry.offset, 42);
  return header;
}

function writeSizes(header: Buffer, at: number, { data, name }: Entry): void {
  header.writeUInt32LE(crc32(data), at);
  header.writeUInt32LE(data.length, at + 4);
  header.writeUInt32LE(data.length, at + 8);
  header.writeUInt16LE(name.length, at + 12);
}

function end(count: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(END, 0);
  record.writeUInt16LE(count, 8);
  record.writeUInt16LE(count, 10);
  record.writeUInt32LE(size, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}
