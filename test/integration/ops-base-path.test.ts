import { expect, it } from 'vitest';
import { seedQueued } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

const CALLBACK = '/a-Path_that0nobody1guesses';

/** All URLs of a page, without fragments and inline images. */
function addresses(html: string): string[] {
  return [...html.matchAll(/(?:href|src|action|data-live)="([^"#][^"]*)"/g)]
    .map(([, address]) => address as string)
    .filter((address) => !address.startsWith('data:'));
}

it('serves everything below OPS_BASE_PATH, whether the proxy keeps or strips it', async () => {
  const ops = await world().ops({ OPS_BASE_PATH: '/vod/', EVENT_CALLBACK_PATH: CALLBACK }).ready();
  expect(ops.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/vod$/);
  const { origin } = new URL(ops.url);
  const [id = ''] = await seedQueued(world(), 1);
  for (const path of ['/uploads', `/uploads/${id}`, '/uploads/nobody', '/dashboard']) {
    const [whole, stripped] = await Promise.all(
      [ops.url, origin].map(async (start) => await (await fetch(`${start}${path}`)).text()),
    );
    // Ages in seconds may differ between the two requests.
    expect(whole?.replaceAll(/\d+ s/g, ''), path).toBe(stripped?.replaceAll(/\d+ s/g, ''));
    const named = addresses(whole ?? '');
    expect(named.length, path).toBeGreaterThan(3);
    for (const address of named) {
      expect(new URL(address, `${ops.url}${path}`).pathname, `${address} on ${path}`).toMatch(/^\/vod\//);
    }
  }
  for (const start of [ops.url, origin]) {
    const home = await fetch(`${start}/`, { redirect: 'manual' });
    expect([home.status, home.headers.get('location')]).toEqual([302, '/vod/uploads']);
    for (const path of ['/metrics', '/healthz', '/readyz', '/dashboard/api/queues']) {
      expect((await fetch(`${start}${path}`)).status, `${start}${path}`).toBe(200);
    }
    const body = '{"eventType":"NewFileUpload","data":{"fileId":"12345678901234567890"}}';
    const told = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    expect((await fetch(`${start}${CALLBACK}`, told)).status).toBe(200);
  }
  const [script] = /static\/js\/[^"]+/.exec(await (await fetch(`${ops.url}/dashboard`)).text()) ?? [];
  expect((await fetch(`${ops.url}/dashboard/${script}`)).status).toBe(200);
});

it('refuses an invalid base path', async () => {
  const ops = world().ops({ OPS_BASE_PATH: 'vod?' });
  expect((await ops.exited).code).toBe(2);
  expect(ops.output).toContain('OPS_BASE_PATH must be a path such as /vod');
});
