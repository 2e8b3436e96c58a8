import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { slimSdk } from "./sdk.ts";

const here = createRequire(import.meta.url);

/** What stands for a module that a function never uses. */
const NOTHING = "module.exports = {};";

const ZODS_COMPILER = `
  export const INVALID = Symbol.for("zod.compile.invalid");
  export const compile = undefined;
  export const withParser = undefined;
  export const ZodCompileAsyncError = undefined;
  export const ZodCompileUnsupportedError = undefined;`;

/** Modules that no function ever uses, though their packages load them. They would make up a fifth of a bundle. */
const UNUSED: readonly { name: string; filter: RegExp; contents?: string }[] = [
  {
    name: "zod's languages other than English",
    filter: /zod\/v4\/locales\/index\.js$/,
    contents: 'export { default as en } from "./en.js";',
  },
  {
    name: "zod's reader of JSON Schema",
    filter: /zod\/v4\/classic\/from-json-schema\.js$/,
    contents: "export const fromJSONSchema = undefined;",
  },
  { name: "zod's compiler", filter: /zod\/v4\/core\/compile\.js$/, contents: ZODS_COMPILER },
  {
    name: "undici's parser for processors that Lambda has none of",
    filter: /undici\/lib\/llhttp\/llhttp-wasm\.js$/,
  },
  { name: "undici's HTTP/2", filter: /undici\/lib\/dispatcher\/client-h2\.js$/ },
  {
    name: "undici's bodies of other types than text and bytes",
    filter: /undici\/lib\/web\/fetch\/body\.js$/,
  },
  {
    name: "the parser of protocols, as etcd's comes parsed",
    filter: /protobufjs\/src\/(parse|tokenize)\.js$/,
  },
  {
    name: "gRPC's ways to balance that only a service's own configuration asks for, which etcd has none of",
    filter: /grpc-js\/build\/src\/load-balancer-(outlier-detection|weighted-round-robin)\.js$/,
    contents: "exports.setup = () => undefined;",
  },
  { name: "gRPC's server", filter: /grpc-js\/build\/src\/server(-interceptors)?\.js$/ },
  {
    name: "the tracer's clients of AWS, as it sees their requests by itself",
    filter: /aws-xray-sdk-core\/dist\/lib\/patchers\/aws3?_p\.js$/,
  },
  {
    name: "what the tracer would tell of these clients' calls",
    filter: /aws-xray-sdk-core\/dist\/lib\/resources\/aws_whitelist\.json$/,
    contents: "module.exports = { services: {} };",
  },
  {
    name: "undici's other bodies, and its proxies by SOCKS",
    filter: /undici\/lib\/(web\/fetch\/formdata|web\/webidl\/index|dispatcher\/socks5-proxy-agent)\.js$/,
  },
  {
    name: "credentials of people's machines: a function has those of its role",
    filter: /@aws-sdk\/credential-provider-(ini|sso|login|process|cognito-identity)\/dist-es\/index\.js$/,
  },
  { name: "names of browsers", filter: /\/bowser\/[^/]*\.m?js$/ },
];

/** Packages that bring more than functions use are cut down while they are bundled. */
export const SLIM: readonly Plugin[] = [withoutUnused(), slimUndici(), slimSdk(), compiledEtcdProtocol()];

function withoutUnused(): Plugin {
  return {
    name: "without-unused",
    setup: (build) => {
      for (const { filter, contents = NOTHING } of UNUSED) build.onLoad({ filter }, () => ({ contents }));
    },
  };
}

/**
 * Of undici: the dispatchers. `fetch` is that of Node, which knows nothing of undici's dispatchers: NODE_USE_ENV_PROXY=1
 * lets it use proxies.
 */
function slimUndici(): Plugin {
  const lib = join(dirname(here.resolve("undici/package.json")), "lib");
  const contents = `
    const Dispatcher = require("${lib}/dispatcher/dispatcher");
    Object.assign(Dispatcher.prototype, require("${lib}/api"));
    module.exports = {
      Pool: require("${lib}/dispatcher/pool"),
      ProxyAgent: require("${lib}/dispatcher/proxy-agent"),
      EnvHttpProxyAgent: require("${lib}/dispatcher/env-http-proxy-agent"),
      fetch: (url, { dispatcher, ...init } = {}) => globalThis.fetch(url, init),
    };`;
  return {
    name: "slim-undici",
    setup: (build) => {
      build.onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "slim" }));
      build.onLoad({ filter: /^undici$/, namespace: "slim" }, () => ({ contents, resolveDir: lib }));
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
        const { readFile } = await import("node:fs/promises");
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
