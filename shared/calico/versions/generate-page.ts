import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { versionsPage } from "./page.ts";

writeFileSync(join(import.meta.dirname, "../../../docs/versions.md"), `${versionsPage()}\n`);
