import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";

const here = createRequire(import.meta.url);

/** Descriptors are for servers that tell of their protocol: a client's loader makes them of everything, and uses none. */
const NO_DESCRIPTORS = `
  const { Root, Type, Enum } = require("protobufjs");
  const nothing = { file: [], $type: { toObject: () => ({}) } };
  for (const { prototype } of [Root, Type, Enum]) prototype.toDescriptor = () => nothing;`;

/** gRPC's own view of its channels and calls, for a service that would tell of them. */
const NO_CHANNELZ = `
  class Nothing {
    addTrace() {}
    refChild() {}
    unrefChild() {}
    addCallStarted() {}
    addCallSucceeded() {}
    addCallFailed() {}
  }
  for (const name of ["Trace", "ChildrenTracker", "CallTracker"]) {
    exports["Channelz" + name] = exports["Channelz" + name + "Stub"] = Nothing;
  }
  let ids = 0;
  for (const kind of ["channel", "subchannel", "socket"]) {
    const name = "registerChannelz" + kind[0].toUpperCase() + kind.slice(1);
    exports[name] = (name) => ({ id: (ids += 1), name, kind });
  }
  exports.unregisterChannelzRef = exports.setup = () => undefined;`;

/** What Google's own protocols would be, none of which etcd's uses. */
const NO_COMMON_PROTOCOLS =
  "module.exports = { nested: { google: { nested: { protobuf: { nested: {} } } } } };";

/** etcd's protocol names its calls in one way: of their two names only the first letter differs. */
const CALLS_IN_CAMEL_CASE = "module.exports = (name) => name[0].toLowerCase() + name.slice(1);";

const STAND_INS: readonly { filter: RegExp; contents: string }[] = [
  { filter: /\/protobufjs\/ext\/descriptor\/index\.js$/, contents: NO_DESCRIPTORS },
  { filter: /\/protobufjs\/google\/protobuf\/\w+\.json$/, contents: NO_COMMON_PROTOCOLS },
  { filter: /\/grpc-js\/build\/src\/channelz\.js$/, contents: NO_CHANNELZ },
  { filter: /\/lodash\.camelcase\/index\.js$/, contents: CALLS_IN_CAMEL_CASE },
  // What etcd3 builds upon the calls: functions make the calls themselves.
  { filter: /\/etcd3\/lib\/(builder|election|lease|lock|stm)\.js$/, contents: "" },
  { filter: /\/etcd3\/lib\/watch\.js$/, contents: "exports.WatchManager = class {};" },
];

/** etcd's client: what it is for functions, with its protocol as data. */
export function slimEtcd(): Plugin {
  const compiled = compiledEtcdProtocol();
  return {
    name: "slim-etcd",
    setup: async (build) => {
      await compiled.setup(build);
      for (const { filter, contents } of STAND_INS)
        build.onLoad({ filter }, ({ path }) => ({ contents, loader: "js", resolveDir: dirname(path) }));
    },
  };
}

/** What protobufjs, which comes with etcd's client, can do with its protocol. */
interface Protobuf {
  Root: new () => { loadSync(path: string, options: { keepCase: boolean }): { toJSON(): unknown } };
}

/** Of etcd's client: its protocol as data, as a bundle has no `.proto` file beside it, and parsing it takes time. */
function compiledEtcdProtocol(): Plugin {
  const etcd3 = here.resolve("etcd3");
  const loader = createRequire(createRequire(etcd3).resolve("@grpc/proto-loader"));
  const parsed = /loadSync\)\(`\$\{__dirname\}\/\.\.\/proto\/rpc\.proto`/;
  return {
    name: "compiled-etcd-protocol",
    setup: (build) => {
      build.onLoad({ filter: /etcd3\/lib\/connection-pool\.js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        if (!parsed.test(source))
          return { errors: [{ text: "etcd3 reads its protocol in another way now" }] };
        const { Root } = loader("protobufjs") as Protobuf;
        // Field names as they are written, as etcd3 itself asks for: a request with others would lose its fields silently.
        const file = join(dirname(etcd3), "..", "proto", "rpc.proto");
        const protocol = JSON.stringify(new Root().loadSync(file, { keepCase: true }).toJSON());
        return { contents: source.replace(parsed, () => `fromJSON)(${protocol}`) };
      });
    },
  };
}
