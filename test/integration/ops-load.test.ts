import { get } from 'node:http';
import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

it('HEAD requests take no viewer slot of live pages', async () => {
  const ops = await world().ops().ready();
  const url = `${ops.url}/uploads/live`;
  for (let index = 0; index < 40; index++) expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  const leaving = new AbortController();
  const { body } = await fetch(url, { signal: leaving.signal });
  const { value } = (await body?.getReader().read()) ?? {};
  expect(new TextDecoder().decode(value)).toMatch(/^event: update\n/);
  leaving.abort();
});

it('another site can link to pages but not load them in a browser', async () => {
  const ops = await world().ops({ OPS_READ_ONLY: '1' }).ready();
  // `fetch` sets the Sec-Fetch headers itself.
  const ask = (path: string, mode: string, dest: string): Promise<number | undefined> => {
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
    return new Promise((resolve, reject) => {
      const asked = get(`${ops.url}${path}`, { headers, agent: false }, (response) => {
        response.destroy();
        resolve(response.statusCode);
      });
      asked.on('error', reject);
    });
  };
  for (const path of ['/uploads?search=x', '/uploads/live', '/dashboard/api/queues']) {
    expect(await ask(path, 'no-cors', 'image'), path).toBe(403);
  }
  expect(await ask('/uploads', 'navigate', 'document')).toBe(200);
});
