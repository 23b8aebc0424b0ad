// Walk a GitLab instance with gitbeaker and compare what it yields with what is known to be true.
//
// An independent client: it shares no code with the plugin, the host or the stand-in, and none with walk.py. It takes the
// query of a `Link` header and nothing else, so the instance may call itself what it likes.
//
// Usage: node walk.mjs URL EXPECTED_JSON_FILE, the token in the environment variable GITLAB_TOKEN
//        node walk.mjs --probe, to find out whether gitbeaker is there
//
// The token is that of the truth's caller. EXPECTED_JSON_FILE is what the stand-in's `Truth::to_json` gives.
// gitbeaker is found as Node finds packages: in `node_modules` beside this file, or in the `node_modules` folder that
// GITBEAKER_NODE_MODULES names.
//
// Exit status: 0 all as expected, 1 a difference (each on a line of stderr), 2 wrong usage.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Of many equal differences, the first few tell enough.
const SHOWN = 20;

const differences = [];

function compare(what, expected, found) {
  const [a, b] = [JSON.stringify(expected), JSON.stringify(found)];
  if (a !== b) differences.push(`${what}: expected ${a}, found ${b}`);
}

const moment = (text) => (text === null || text === undefined ? null : Date.parse(text));

async function library() {
  const folder = process.env.GITBEAKER_NODE_MODULES;
  const from = folder ? join(folder, 'walk.mjs') : fileURLToPath(import.meta.url);
  const { Gitlab } = await import(pathToFileURL(createRequire(from).resolve('@gitbeaker/rest')).href);
  return Gitlab;
}

/** The status of a call that should be refused; the answer itself if it is not. */
async function refused(call) {
  try {
    await call();
    return 200;
  } catch (error) {
    const status = error.cause?.response?.status;
    if (status === undefined) throw error;
    return status;
  }
}

async function checkLicense(api, expected, enterprise) {
  if (expected.caller.rank !== 'administrator') {
    compare('status of /license', enterprise ? 403 : 404, await refused(() => api.License.show()));
    return;
  }
  if (!enterprise) {
    compare('status of /license', 404, await refused(() => api.License.show()));
    return;
  }
  const found = await api.License.show();
  if (expected.license === null) {
    // gitbeaker makes an empty object of a body of `null`.
    compare('license', {}, found ?? {});
    return;
  }
  for (const [key, value] of Object.entries(expected.license)) {
    if (key === 'created_at') compare(`license ${key}`, moment(value), moment(found[key]));
    else if (key === 'company') compare('licensee', value ?? undefined, found.licensee.Company);
    else compare(`license ${key}`, value, found[key]);
  }
}

async function checkMembers(api, group, enterprise) {
  const name = `group ${group.id} members`;
  const found = await api.GroupMembers.all(group.id, { includeInherited: true, showSeatInfo: true, perPage: 100 });
  compare(`${name}: ids`, group.members.map((one) => one.user_id), found.map((one) => one.id));
  const facts = new Map(group.members.map((one) => [one.user_id, one]));
  for (const row of found) {
    const one = facts.get(row.id);
    if (one === undefined) continue;
    const who = `${name}: account ${row.id}`;
    for (const key of ['username', 'name', 'state', 'access_level', 'expires_at']) compare(`${who} ${key}`, one[key], row[key]);
    compare(`${who} created_at`, moment(one.created_at), moment(row.created_at));
    compare(`${who} is_using_seat`, one.is_using_seat, row.is_using_seat ?? null);
    if (enterprise) compare(`${who} membership_state`, one.membership_state, row.membership_state);
  }
  return found.length;
}

async function checkBillable(api, group) {
  const name = `group ${group.id} billable members`;
  const found = await api.GroupMembers.allBillable(group.id, { perPage: 100 });
  compare(`${name}: ids`, group.billable.map((one) => one.user_id), found.map((one) => one.id));
  const facts = new Map(group.billable.map((one) => [one.user_id, one]));
  for (const row of found) {
    const one = facts.get(row.id);
    if (one === undefined) continue;
    const who = `${name}: account ${row.id}`;
    for (const key of ['username', 'name', 'state', 'email', 'membership_type', 'removable', 'is_last_owner', 'last_activity_on']) {
      compare(`${who} ${key}`, one[key], row[key]);
    }
    compare(`${who} created_at`, moment(one.created_at), moment(row.created_at));
    if ('last_login_at' in row) compare(`${who} last_login_at`, moment(one.last_login_at), moment(row.last_login_at));
  }
  for (const one of group.billable.slice(0, 10)) {
    const below = () => api.GroupMembers.allBillableMemberships(group.id, one.user_id);
    if (group.ldap_synced) {
      compare(`${name}: status of the memberships of account ${one.user_id}`, 400, await refused(below));
      continue;
    }
    const shape = (row) => [row.id, row.source_id, moment(row.created_at), row.expires_at];
    const rows = await below();
    compare(`${name}: memberships of account ${one.user_id}`, one.memberships.map(shape), rows.map(shape));
    const levels = rows.map((row) => [row.access_level.integer_value, row.access_level.custom_role?.name ?? null]);
    compare(`${name}: levels of account ${one.user_id}`, one.memberships.map((row) => [row.access_level, row.custom_role]), levels);
  }
  return found.length;
}

async function checkNamespace(api, group, owner) {
  const found = await api.Namespaces.show(group.id);
  compare(`namespace ${group.id} full_path`, group.full_path, found.full_path);
  compare(`namespace ${group.id} plan`, owner ? group.plan : undefined, found.plan);
  if (owner) {
    compare(`namespace ${group.id} billable_members_count`, group.billable_members_count, found.billable_members_count);
    compare(`namespace ${group.id} seats_in_use`, group.subscription?.seats_in_use, found.seats_in_use);
    compare(`namespace ${group.id} end_date`, group.subscription?.end_date, found.end_date);
  }
}

async function main([url, path]) {
  if (url === '--probe') {
    await library();
    return 0;
  }
  const token = process.env.GITLAB_TOKEN;
  if (path === undefined || token === undefined) {
    console.error('usage: node walk.mjs URL EXPECTED_JSON_FILE, the token in GITLAB_TOKEN');
    return 2;
  }
  const expected = JSON.parse(await readFile(path, 'utf8'));
  const Gitlab = await library();
  const api = new Gitlab({ host: url, ...(expected.caller.oauth ? { oauthToken: token } : { token }) });
  const enterprise = expected.enterprise;

  const user = await api.Users.showCurrentUser();
  compare('own account', expected.caller.user_id, user.id);
  await checkLicense(api, expected, enterprise);

  const mine = expected.groups.filter((group) => group.caller_access_level !== null);
  const found = await api.Groups.all({ topLevelOnly: true, allAvailable: false, orderBy: 'id', perPage: 100 });
  compare('groups', mine.map((group) => [group.id, group.full_path, group.name]), found.map((row) => [row.id, row.full_path, row.name]));
  const owned = await api.Groups.all({ topLevelOnly: true, owned: true, orderBy: 'id' });
  compare('owned groups', mine.filter((group) => group.caller_access_level === 50).map((group) => group.id), owned.map((row) => row.id));

  let rows = 0;
  for (const group of mine) {
    const owner = group.caller_access_level === 50 || expected.caller.rank === 'administrator';
    rows += await checkMembers(api, group, enterprise);
    if (enterprise && owner) rows += await checkBillable(api, group);
    else if (enterprise) {
      const status = await refused(() => api.GroupMembers.allBillable(group.id));
      compare(`group ${group.id}: status of billable members`, expected.caller.rank === 'auditor' ? 200 : 400, status);
    } else compare(`group ${group.id}: status of billable members`, 404, await refused(() => api.GroupMembers.allBillable(group.id)));
    if (enterprise) await checkNamespace(api, group, owner);
  }

  for (const line of differences.slice(0, SHOWN)) console.error(`walk.mjs: ${line}`);
  if (differences.length > SHOWN) console.error(`walk.mjs: ${differences.length - SHOWN} differences more`);
  if (differences.length > 0) return 1;
  console.log(`${mine.length} groups with ${rows} rows, license and caller are as expected (gitbeaker)`);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`walk.mjs: ${error.name}: ${error.message} ${error.cause?.description ?? ''}`);
  process.exitCode = 1;
}
