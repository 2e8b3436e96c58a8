import type { Plugin } from "esbuild";

/** What stands for a module that a function never uses. */
const NOTHING = "module.exports = {};";

const ZODS_COMPILER = `
  export const INVALID = Symbol.for("zod.compile.invalid");
  export const compile = undefined;
  export const withParser = undefined;
  export const ZodCompileAsyncError = undefined;
  export const ZodCompileUnsupportedError = undefined;`;

/** Modules that no function ever uses, though their packages load them. They would make up a quarter of a bundle. */
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
    name: "zod's writer of JSON Schema",
    filter: /zod\/v4\/core\/(json-schema-processors|json-schema-generator)\.js$/,
  },
  {
    name: "how a schema is asked for its JSON Schema",
    filter: /zod\/v4\/core\/to-json-schema\.js$/,
    contents: "exports.createToJSONSchemaMethod = exports.createStandardJSONSchemaMethod = () => undefined;",
  },
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
    filter: /grpc-js\/build\/src\/load-balancer-(outlier-detection|(weighted-)?round-robin)\.js$/,
    contents: "exports.setup = () => undefined;",
  },
  {
    name: "gRPC's server, what it would report of its load, and what only others build upon gRPC",
    filter:
      /grpc-js\/build\/src\/(server(-interceptors|-credentials)?|orca|admin|certificate-provider|experimental)\.js$/,
  },
  {
    name: "the tracer's clients of AWS, as it sees their requests by itself",
    filter: /aws-xray-sdk-core\/dist\/lib\/patchers\/aws3?_p\.js$/,
  },
  {
    name: "which requests to trace, as Lambda has decided it, and what the tracer would tell of other machines",
    filter:
      /aws-xray-sdk-core\/dist\/lib\/(middleware\/sampling\/(default|local)_sampler|segments\/plugins\/\w+)\.js$/,
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
    name: "credentials of people's and of other machines: a function has those of its role in its environment",
    filter:
      /@(aws-sdk\/credential-provider-(ini|sso|login|process|cognito-identity|http|web-identity)|smithy\/credential-provider-imds)\/dist-es\/index\.js$/,
  },
  {
    name: "events that S3 would stream, as nothing selects there",
    filter: /@smithy\/core\/dist-es\/submodules\/event-streams\/index\.js$/,
    contents: "exports.resolveEventStreamSerdeConfig = (config) => config;",
  },
  {
    name: "what DynamoDB's discovery of endpoints would remember, as nobody asks for it",
    filter: /@aws-sdk\/endpoint-cache\/dist-es\/EndpointCache\.js$/,
    contents: "export class EndpointCache {}",
  },
  { name: "names of browsers", filter: /\/bowser\/[^/]*\.m?js$/ },
];

/** Leaves these modules out. */
export function withoutUnused(): Plugin {
  return {
    name: "without-unused",
    setup: (build) => {
      for (const { filter, contents = NOTHING } of UNUSED) build.onLoad({ filter }, () => ({ contents }));
    },
  };
}
