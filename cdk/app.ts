import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { bundledCode } from "./bundles.ts";
import { configFromContext } from "./context.ts";
import { checkWithNag } from "./nag.ts";
import { MigratorStack } from "./stack.ts";

const app = new App();
const config = configFromContext(app.node.getAllContext() as Record<string, unknown>);
const bundles = await mkdtemp(join(tmpdir(), "calico-migrator-bundles-"));
try {
  new MigratorStack(app, config, await bundledCode(bundles));
  checkWithNag(app);
  app.synth();
} finally {
  await rm(bundles, { recursive: true, force: true });
}
