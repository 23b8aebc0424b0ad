// Runs worker.js in workerd, through miniflare.
//
// node worker.mjs in-turn|both USERS_URL GROUP_URL GROUP_ID IN_FLIGHT FOLDER, the tokens in USERS_TOKEN and GROUP_TOKEN, the packages in the
// folder that NODE_MODULES names. Writes FOLDER/rows.txt.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const { Miniflare } = createRequire(join(process.env.NODE_MODULES, 'drivers.mjs'))('miniflare');
const [order, USERS_URL, GROUP_URL, GROUP_ID, inFlight, folder] = process.argv.slice(2);
const { USERS_TOKEN, GROUP_TOKEN } = process.env;

const miniflare = new Miniflare({
  modules: true,
  script: fs.readFileSync(fileURLToPath(new URL('worker.js', import.meta.url)), 'utf8'),
  compatibilityDate: '2026-01-01',
  bindings: { ORDER: order, USERS_URL, GROUP_URL, GROUP_ID, USERS_TOKEN, GROUP_TOKEN, IN_FLIGHT: Number(inFlight) },
});
try {
  const answer = await miniflare.dispatchFetch('http://worker.test/');
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  await pipeline(Readable.fromWeb(answer.body), fs.createWriteStream(join(folder, 'rows.txt')));
} finally {
  await miniflare.dispose();
}
