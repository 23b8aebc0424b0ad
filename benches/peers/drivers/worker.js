// A Worker that reads both lists, one after the other or at the same time, with at most IN_FLIGHT requests at once over both, and
// hands rows on page by page: `u` and a row of /users, or `b` and one of billable_members, a line each.

async function read(list, number) {
  const answer = await fetch(`${list.url}&per_page=100&page=${number}`, { headers: { 'PRIVATE-TOKEN': list.token } });
  if (!answer.ok) throw new Error(`${list.url}: ${answer.status}`);
  const pages = answer.headers.get('x-total-pages');
  // Above 10,000 rows GitLab does not count: then a page tells only whether another follows.
  const last = pages ? Number(pages) : answer.headers.get('x-next-page') ? Infinity : number;
  list.last = Math.min(list.last, last);
  let lines = '';
  for (const row of await answer.json()) lines += list.mark + JSON.stringify(row) + '\n';
  return lines;
}

async function collect(lists, inFlight, out) {
  const encoder = new TextEncoder();
  const write = (lines) => out.write(encoder.encode(lines));
  const first = async (list) => write(await read(list, 1));
  if (inFlight > 1) await Promise.all(lists.map(first));
  else for (const list of lists) await first(list);
  let turn = 0;
  const next = () => {
    for (let tried = 0; tried < lists.length; tried++) {
      const list = lists[turn++ % lists.length];
      if (list.next <= Math.min(list.last, list.deepest)) return [list, list.next++];
    }
  };
  const one = async () => {
    for (let job = next(); job; job = next()) await write(await read(...job));
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  if (lists.some((list) => list.last > list.deepest)) throw new Error('a list is longer than GitLab answers by number');
}

async function inOrder(order, lists, inFlight, out) {
  for (const some of order === 'both' ? [lists] : lists.map((list) => [list])) await collect(some, inFlight, out);
  await out.close();
}

export default {
  async fetch(_request, env, context) {
    const filters = 'exclude_internal=true&without_project_bots=true&order_by=id&sort=asc';
    const lists = [
      // GitLab answers no page of accounts beyond 50,000 rows.
      { mark: 'u', url: `${env.USERS_URL}/api/v4/users?${filters}`, token: env.USERS_TOKEN, deepest: 500 },
      { mark: 'b', url: `${env.GROUP_URL}/api/v4/groups/${env.GROUP_ID}/billable_members?`, token: env.GROUP_TOKEN },
    ].map((list) => ({ deepest: Infinity, next: 2, last: Infinity, ...list }));
    const { readable, writable } = new IdentityTransformStream();
    const out = writable.getWriter();
    context.waitUntil(inOrder(env.ORDER, lists, env.IN_FLIGHT, out).catch((error) => out.abort(error)));
    return new Response(readable);
  },
};
