import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../../src/queue/names.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const USERS = { OPS_USERS: 'alice:her long password,bob:his:with:colons' };

const { world } = useWorld();
const forAll = useOps(world);
const forUsers = useOps(world, USERS);

const ALICE = basic('alice', 'her long password');
const PAGES = ['/', '/dashboard', '/dashboard/api/queues', '/dashboard/static/images/logo.svg', '/nowhere'];
const PAUSE = '/dashboard/api/queues/vod-part/pause';

function basic(name: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Like `fetch`, but with the headers Host, Origin and Sec-Fetch-Site. */
async function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, async (response) => {
      let body = '';
      for await (const text of response.setEncoding('utf8')) body += text;
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    request.on('error', reject).end();
  });
}

describe('read access', () => {
  it('needs a login on every page, but not for metrics and health', async () => {
    const ops = forUsers();
    for (const path of PAGES) {
      const { status, headers, body } = await ask(`${ops.url}${path}`);
      expect({ path, status, body }).toEqual({ path, status: 401, body: 'Log in as one of OPS_USERS.\n' });
      expect(headers['www-authenticate']).toBe('Basic realm="vod-upload", charset="UTF-8"');
      expect(headers['content-security-policy']).toContain("default-src 'self'");
    }
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      expect((await ask(`${ops.url}${path}`)).status).toBe(200);
    }
    expect((await ask(`${ops.url}/dashboard/api/queues`, ALICE)).status).toBe(200);
    const bob = await ask(`${ops.url}/dashboard/api/queues`, basic('bob', 'his:with:colons'));
    expect(bob.status).toBe(200);
  });

  it('a wrong password and an unknown user get the same response; neither is logged', async () => {
    const ops = forUsers();
    const refused = async (headers: Record<string, string>, refusals: number) => {
      const answer = ask(`${ops.url}/dashboard`, headers);
      // Waits for the log line and not for the delayed response, so that refusals come in this order.
      await ops.line((line) => line.refusals === refusals);
      return { answer };
    };
    const answers = [
      await refused(basic('alice', 'guessed password'), 1),
      await refused(basic('guessed name', 'her long password'), 2),
      await refused(basic('alice', 'his:with:colons'), 3),
    ];
    const alike = answers.map(async ({ answer }) => {
      const { headers, ...rest } = await answer;
      return { ...rest, names: Object.keys(headers).sort() };
    });
    const [wrong, ...others] = await Promise.all(alike);
    expect(wrong).toMatchObject({ status: 401 });
    expect(others).toEqual([wrong, wrong]);
    expect(ops.lines.filter(({ msg }) => msg === 'login refused')).toEqual([
      expect.objectContaining({ level: 'warn', user: 'alice', refusals: 1, from: '127.0.0.1' }),
      expect.not.objectContaining({ user: expect.anything() }),
      expect.objectContaining({ user: 'alice', refusals: 3 }),
    ]);
    await ask(`${ops.url}/dashboard/api/queues`, ALICE);
    for (const secret of ['guessed', 'her long', 'colons']) expect(ops.output).not.toContain(secret);
    expect(ops.output).not.toContain(ALICE.authorization?.slice(6));
  });

  it('is open to this machine without users, but not to pages of another host', async () => {
    const ops = forAll();
    const { port } = new URL(ops.url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      expect((await ask(`${ops.url}/dashboard/api/queues`, { host })).status).toBe(200);
    }
    for (const path of PAGES) {
      const { status, body } = await ask(`${ops.url}${path}`, { host: `rebound.example:${port}` });
      expect(status).toBe(403);
      expect(body).toMatch(/^Without OPS_USERS these pages are available at http:\/\/127\.0\.0\.1/);
    }
    expect((await ask(`${ops.url}/healthz`, { host: 'pod.internal' })).status).toBe(200);
  });

  it('needs users when other machines can connect', async () => {
    const ops = world().ops({ OPS_HOST: '0.0.0.0' });
    const withUsers = world().ops({ OPS_HOST: '0.0.0.0', ...USERS });
    expect(await ops.exited).toMatchObject({ code: 2 });
    expect(ops.output).toMatch(/OPS_USERS \(or OPS_USERS_FILE\) is not set, and OPS_HOST=0\.0\.0\.0/);
    await withUsers.ready();
    const host = { host: 'ops.example' };
    expect((await ask(`${withUsers.url}/dashboard/api/queues`, { ...host, ...ALICE })).status).toBe(200);
    expect((await ask(`${withUsers.url}/dashboard/api/queues`, host)).status).toBe(401);
  });
});

describe('a change', () => {
  it.each([
    { whose: 'anybody’s', of: forAll, user: undefined },
    { whose: 'a user’s', of: forUsers, user: 'alice' },
  ])('must come from a page of this address, or not from a browser: $whose', async ({ of, user }) => {
    const ops = of();
    const { host } = new URL(ops.url);
    const put = (headers: Record<string, string>) =>
      ask(`${ops.url}${PAUSE}`, { ...ALICE, ...headers }, 'PUT');
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: ops.url },
      { 'sec-fetch-site': 'none' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      const { status, body } = await put(headers);
      expect({ headers, status }).toEqual({ headers, status: 403 });
      expect(body).toBe('A request that changes something must come from a page of this address.\n');
    }
    const link = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await ask(`${ops.url}/dashboard`, { ...ALICE, ...link })).status).toBe(200);
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: `https://${host}` }, {}]) {
      expect((await put(headers)).status).toBe(200);
    }
    expect(ops.lines.filter(({ msg }) => msg === 'button pressed')).toHaveLength(3);
    expect(ops.lines.find(({ msg }) => msg === 'button pressed')).toMatchObject({
      method: 'PUT',
      path: PAUSE,
      status: 200,
      ...(user !== undefined && { user }),
    });
  });

  it('is always refused with OPS_READ_ONLY', async () => {
    const ops = await world()
      .ops({ ...USERS, OPS_READ_ONLY: '1' })
      .ready();
    const api = `${ops.url}/dashboard/api/queues`;
    for (const [method, url] of [
      ['PUT', `${ops.url}${PAUSE}`],
      ['PUT', `${api}/pause`],
      ['PUT', `${api}/vod-upload/retry/failed`],
      ['PUT', `${api}/vod-upload/some-id/clean`],
      ['POST', `${api}/vod-upload/add`],
      ['PATCH', `${api}/vod-upload/some-id/update-data`],
      ['DELETE', `${ops.url}/uploads/some-id`],
      ['POST', `${ops.url}/uploads/some-id/retry`],
    ] as const) {
      const { status, headers, body } = await ask(url, ALICE, method);
      expect({ url, status, allow: headers.allow }).toEqual({ url, status: 405, allow: 'GET, HEAD' });
      expect(body).toBe('OPS_READ_ONLY is set: nothing can be changed here.\n');
      expect((await ask(url, {}, method)).status).toBe(401);
    }
    const { queues } = JSON.parse((await ask(api, ALICE)).body);
    expect(queues).toHaveLength(STAGES.length);
    for (const queue of queues) expect(queue).toMatchObject({ readOnlyMode: true, isPaused: false });
  });
});

describe('the resources of a page', () => {
  it('come from this address only, and pages are not cached', async () => {
    const ops = forAll();
    const own = await ask(`${ops.url}/nowhere`);
    expect(own.headers).toMatchObject({
      'content-security-policy':
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(own.headers['strict-transport-security']).toBeUndefined();
    const board = await ask(`${ops.url}/dashboard`);
    expect(board.headers).toMatchObject({
      'content-type': expect.stringContaining('text/html'),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    const policy = String(board.headers['content-security-policy']);
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|script-src|unsafe-eval/);
    // Nothing is loaded from other addresses.
    expect(board.body).not.toMatch(/(href|src)="(https?:)?\/\//);
    const [script] = /static\/js\/[^"]+/.exec(board.body) ?? [];
    const asset = await ask(`${ops.url}/dashboard/${script}`);
    expect(asset).toMatchObject({ status: 200, headers: { 'cache-control': 'private, max-age=3600' } });
    const api = await ask(`${ops.url}/dashboard/api/queues`);
    expect(api.headers).toMatchObject({ 'cache-control': 'no-store' });
  });
});
