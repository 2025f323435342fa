// SPDX-License-Identifier: Apache-2.0
// `node run-module.mjs SCRIPT ARGUMENT...` runs a job's script as an ES module. The script's name in a job has no ending, by
// which Node.js would take it for CommonJS: only from 20.19 and 22.7 on does it look inside. Beside each script lies the same
// file as SCRIPT.mjs.
import { pathToFileURL } from "node:url";

process.argv.splice(1, 1);
await import(`${pathToFileURL(process.argv[1])}.mjs`);
