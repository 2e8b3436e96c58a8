import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { slimEtcd } from "./etcd.ts";
import { slimSdk } from "./sdk.ts";
import { shakenYaml, shakenZod } from "./shaken.ts";
import { unicodeOfEngine } from "./unicode.ts";
import { withoutUnused } from "./unused.ts";

const here = createRequire(import.meta.url);

/** Packages that bring more than functions use are cut down while they are bundled. */
export const SLIM: readonly Plugin[] = [
  withoutUnused(),
  shakenZod(),
  shakenYaml(),
  slimUndici(),
  slimSdk(),
  slimEtcd(),
  unicodeOfEngine(),
];

/**
 * Of undici: the dispatchers, and of the calls upon them the one by which its proxies open a tunnel. `fetch` is that of Node,
 * which knows nothing of undici's dispatchers: NODE_USE_ENV_PROXY=1 lets it use proxies.
 */
function slimUndici(): Plugin {
  const lib = join(dirname(here.resolve("undici/package.json")), "lib");
  const contents = `
    const Dispatcher = require("${lib}/dispatcher/dispatcher");
    Dispatcher.prototype.connect = require("${lib}/api/api-connect");
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
      // Of the constants of its parser: those of answers.
      build.onLoad({ filter: /undici\/lib\/llhttp\/constants\.js$/ }, ({ path }) => {
        const { ERROR, TYPE } = here(path) as { ERROR: unknown; TYPE: unknown };
        return { contents: `module.exports = ${JSON.stringify({ ERROR, TYPE })};` };
      });
    },
  };
}
