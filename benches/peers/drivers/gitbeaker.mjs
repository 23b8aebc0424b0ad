// Both lists with gitbeaker, as its documentation has it: `all` holds a list until it is whole.
//
// node gitbeaker.mjs USERS_URL GROUP_URL GROUP_ID FOLDER, the tokens in USERS_TOKEN and GROUP_TOKEN, the packages in the folder
// that NODE_MODULES names. Writes FOLDER/users.ndjson and FOLDER/billable.ndjson.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.env.NODE_MODULES, 'drivers.mjs'));
const { Gitlab } = await import(pathToFileURL(require.resolve('@gitbeaker/rest')).href);
const [usersUrl, groupUrl, group, folder] = process.argv.slice(2);

async function write(name, rows) {
  const out = fs.createWriteStream(join(folder, name));
  for (const row of rows) out.write(JSON.stringify(row) + '\n');
  out.end();
  await finished(out);
}

const users = new Gitlab({ host: usersUrl, token: process.env.USERS_TOKEN });
const filters = { excludeInternal: true, withoutProjectBots: true, orderBy: 'id', sort: 'asc' };
await write('users.ndjson', await users.Users.all({ ...filters, perPage: 100 }));
const groups = new Gitlab({ host: groupUrl, token: process.env.GROUP_TOKEN });
await write('billable.ndjson', await groups.GroupMembers.allBillable(group, { perPage: 100 }));
