import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { VodUploads } from '../../src/index.ts';
import { createUploadPages } from '../../src/ops/uploads/routes.ts';
import { startProxy } from '../support/proxy.ts';
import { seedHistory, seedInitializing, seedParts, seedQueued, withQueue } from '../support/seed.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;
const { world, source, gate } = useWorld();
const ops = useOps(world);

/** Serves only the pages, in this process. */
const pagesOf = (uploads: VodUploads) =>
  createUploadPages({
    uploads,
    readOnly: false,
    log: pino({ enabled: false }),
    basePath: '/uploads',
    dashboardPath: '/dashboard',
  });

const textOf = async (response: Response | Promise<Response>): Promise<{ status: number; text: string }> => {
  const { status } = await response;
  return { status, text: await (await response).text() };
};
const get = (url: string): Promise<{ status: number; text: string }> =>
  textOf(fetch(url, { redirect: 'manual' }));
const post = (url: string, back = ''): Promise<Response> =>
  fetch(url, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ back }) });

/** Upload ids in the order of the rows. */
const rows = (text: string): string[] =>
  [...text.matchAll(/<tr id="upload-([^"]+)"/g)].map(([, id]) => id ?? '');

/** Yields server-sent events; returning early closes the connection. */
async function* events(
  response: Response | Promise<Response>,
): AsyncGenerator<{ event: string; data: string }, void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of (await response).body as ReadableStream<Uint8Array>) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const values = (name: string): string =>
        lines
          .flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
          .join('\n');
      if (values('event') !== '') yield { event: values('event'), data: values('data') };
    }
  }
}

describe('the table', () => {
  it('shows how to add an upload when there is none', async () => {
    expect((await get(`${ops().url}/uploads`)).text).toContain('vod-upload add FILE');
  });

  it('searches uploads, with pages and a filter by state', async () => {
    const ids = await seedQueued(world(), 120);
    await seedInitializing(world(), ids.slice(0, 3));
    const first = await get(`${ops().url}/uploads`);
    expect(rows(first.text)).toHaveLength(50);
    expect(rows(first.text).slice(0, 3).sort()).toEqual(ids.slice(0, 3).sort());
    expect(first.text).toContain('Uploads 1 to 50 of 120.');
    const pages = await Promise.all([2, 3].map((page) => get(`${ops().url}/uploads?page=${page}`)));
    const shown = [first, ...pages].flatMap(({ text }) => rows(text));
    expect(new Set(shown)).toEqual(new Set(ids));
    expect(rows((await get(`${ops().url}/uploads?state=initializing`)).text)).toHaveLength(3);
    for (const search of ['NUMBER 77.mp4', 'order-77', ids[77] ?? '']) {
      const found = await get(`${ops().url}/uploads?search=${encodeURIComponent(search)}`);
      expect(rows(found.text)).toEqual([ids[77]]);
    }
    const none = await get(`${ops().url}/uploads?search=zebra&state=queued`);
    expect(none.text).toContain('Nothing matches “zebra” in state queued');
    expect(await world().uploads.list({ search: 'number 77' })).toMatchObject([{ id: ids[77] }]);
  });

  it('escapes names, and shows invalid jobs', async () => {
    const evil = '"><img src=x onerror=alert(1)>\u0007.mp4';
    const { id } = await world().uploads.add({ source: `/srv/${evil}`, checkSource: false });
    await withQueue(world(), async (redis, key) => {
      await redis.hset(key('vod-upload:broken'), { data: '{"schema":9', timestamp: Date.now() });
      await redis.zadd(key('vod-upload:completed'), Date.now(), 'broken');
      await redis.hset(key(`vod-upload:${id}`), { timestamp: 'never', atm: 'x' });
      await redis.lpush(key('vod-upload:active'), '"><i>');
      await redis.set(key('vod-upload:"><i>'), 'no hash');
    });
    const table = await get(`${ops().url}/uploads`);
    expect(table.text).toContain('&lt;img src=x onerror=alert(1)&gt;?.mp4');
    expect(rows(table.text)).toContain('broken');
    expect(table.text).toContain('unreadable');
    const page = await get(`${ops().url}/uploads/${id}`);
    for (const { text } of [table, page]) {
      for (const harm of ['<img', '<i>', '\u0007']) expect(text).not.toContain(harm);
      // Allowed by a content security policy without exceptions.
      expect(text).not.toMatch(/<style|\sstyle=|<script(?! type="module" src="\/uploads\/)|\son\w+="/);
    }
    expect(await get(`${ops().url}/uploads/broken`)).toMatchObject({ status: 422 });
  });

  it('has no buttons when read-only, and refuses their requests', async () => {
    const { url } = await world().ops({ OPS_READ_ONLY: '1' }).ready();
    const [id] = await seedQueued(world(), 1);
    for (const path of ['/uploads', `/uploads/${id}`]) {
      const { text } = await get(`${url}${path}`);
      expect(text).toContain('clip number 0.mp4');
      expect(text).not.toContain('method="post"');
    }
    expect((await post(`${url}/uploads/${id}/cancel`)).status).toBe(405);
    expect((await world().uploads.list())[0]?.state).toBe('queued');
  });
});

describe('an invalid request', () => {
  it('gets an error with the reason', async () => {
    const [id] = await seedQueued(world(), 1);
    const unknown = await get(`${ops().url}/uploads/unknown`);
    expect(unknown.status).toBe(404);
    expect(unknown.text).toContain('finished uploads are kept for a limited time');
    // Other keys of the queue are no uploads.
    for (const name of ['meta', 'events', 'prioritized'])
      expect((await get(`${ops().url}/uploads/${name}`)).status).toBe(404);
    const retry = await post(`${ops().url}/uploads/${id}/retry`);
    expect(retry.status).toBe(409);
    expect(await retry.text()).toContain('only a failed or cancelled one can be retried');
    expect((await post(`${ops().url}/uploads/unknown/retry`)).status).toBe(404);
  });

  it('shows when Redis is unavailable, and recovers on its own', async () => {
    const proxy = await startProxy(Number(new URL(world().redisUrl).port));
    const uploads = new VodUploads({
      connection: `redis://127.0.0.1:${proxy.port}`,
      prefix: world().prefix,
      connectTimeoutMs: 1,
    });
    onTestFinished(async () => {
      await uploads.close();
      await proxy.close();
    });
    const pages = pagesOf(uploads);
    await expect.poll(async () => (await pages.request('/')).status).toBe(200);
    await seedQueued(world(), 1);
    const stream = events(pages.request('/live'));
    expect((await stream.next()).value).toMatchObject({ event: 'update' });
    // The error of a failed connection varies.
    const otherThan = async (kind: string) => {
      for (;;) {
        const { value } = await stream.next();
        if (value?.event !== kind) return value;
      }
    };
    await proxy.refuse();
    expect(await otherThan('update')).toMatchObject({
      event: 'trouble',
      data: expect.stringContaining('Redis'),
    });
    const page = await textOf(pages.request('/'));
    expect(page.status).toBe(503);
    expect(page.text).toContain('Redis is unavailable');
    expect(page.text).not.toMatch(/\bat .*\.[jt]s:\d+/);
    await proxy.accept();
    expect(await otherThan('trouble')).toMatchObject({ event: 'update' });
    await stream.return();
  });
});

describe('buttons', () => {
  it('redirect to the page where they were pressed, and nowhere else', async () => {
    const ids = await seedQueued(world(), 3);
    const where = async (id: string | undefined, back: string): Promise<string | null> =>
      (await post(`${ops().url}/uploads/${id}/cancel`, back)).headers.get('location');
    expect(await where(ids[0], '?state=queued&search=clip&page=2')).toBe(
      `/uploads?state=queued&search=clip&page=2&did=marked&to=${ids[0]}#upload-${ids[0]}`,
    );
    expect(await where(ids[1], '')).toBe(`/uploads/${ids[1]}?did=marked`);
    expect(await where(ids[2], 'https://elsewhere.example/')).toBe(`/uploads/${ids[2]}?did=marked`);
    expect((await get(`${ops().url}/uploads/${ids[1]}`)).text).toContain('It is being cancelled');
    await world().worker().ready();
    await expect
      .poll(async () => (await world().uploads.list({ state: 'cancelled' })).length)
      .toBe(ids.length);
    expect(await where(ids[1], '')).toBe(`/uploads/${ids[1]}?did=cancelled`);
    expect((await get(`${ops().url}/uploads/${ids[1]}?did=cancelled`)).text).toContain('It is cancelled.');
  });
});

describe('the page of an upload', () => {
  it('shows its parts from the queues, and its history', async () => {
    const parts = gate({ action: 'UploadPart', offset: 2 * MIB });
    await world().worker().ready();
    const { id } = await world().uploads.add({ source: await source('held.mp4', 5 * MIB) });
    await parts.reached();
    await expect
      .poll(async () => (await get(`${ops().url}/uploads/${id}`)).text)
      .toContain('4 sent, 1 being sent');
    await seedHistory(world(), id, 'a <row> of its history');
    const { text } = await get(`${ops().url}/uploads/${id}`);
    expect(text).toContain('VOD has 4 of 5.');
    expect(text).toContain('a &lt;row&gt; of its history');
    expect(text).toContain(`/dashboard/queue/vod-upload/${id}`);
  });
});

describe('live pages', () => {
  it('have a limit of viewers, and end with the process', async () => {
    const leaving = await world().ops().ready();
    await seedQueued(world(), 1);
    const open = () => events(fetch(`${leaving.url}/uploads/live`));
    const followed = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const stream = open();
        return { stream, event: (await stream.next()).value?.event };
      }),
    );
    expect(new Set(followed.map(({ event }) => event))).toEqual(new Set(['update']));
    const refused = open();
    expect((await refused.next()).value).toMatchObject({
      event: 'refused',
      data: expect.stringContaining('32 pages'),
    });
    expect((await refused.next()).done).toBe(true);
    await followed.pop()?.stream.return();
    // A closed connection frees a place.
    await expect
      .poll(async () => {
        const stream = open();
        const { value } = await stream.next();
        await stream.return();
        return value?.event;
      })
      .toBe('update');
    expect(await leaving.end('SIGTERM')).toEqual({ code: 0, signal: null });
    for (const { stream } of followed) await expect(stream.next()).rejects.toThrow();
  });

  it('report changes', async () => {
    const [, second] = await seedQueued(world(), 2);
    const stream = events(fetch(`${ops().url}/uploads/live`));
    expect((await stream.next()).value?.data).toContain('>2 queued<');
    await seedInitializing(world(), [second ?? '']);
    for await (const { data } of stream) if (data.includes('>1 queued, 1 initializing<')) break;
  });

  it('stay identical while nothing changes', async () => {
    const pages = pagesOf(world().uploads);
    const [first = '', second = ''] = await seedQueued(world(), 3);
    await seedParts(world(), first, { count: 100, sent: 40 });
    await seedInitializing(world(), [second]);
    const read = () =>
      Promise.all(['/', `/${first}`, `/${second}`].map((path) => textOf(pages.request(path))));
    const before = await read();
    vi.setSystemTime(Date.now() + 3_600_000);
    onTestFinished(() => void vi.useRealTimers());
    expect(await read()).toEqual(before);
  });
});

describe('assets', () => {
  it('are cached by browsers until they change', async () => {
    const { text } = await get(`${ops().url}/uploads`);
    for (const [, path] of text.matchAll(/(?:href|src)="(\/uploads\/assets\/[^"]+)"/g)) {
      const response = await fetch(`${ops().url}${path}`);
      expect(response.headers.get('cache-control')).toContain('immutable');
      const etag = response.headers.get('etag') ?? '';
      const again = await fetch(`${ops().url}${path?.split('?')[0]}`, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
    }
    expect((await get(`${ops().url}/uploads/assets/routes.ts`)).status).toBe(404);
  });
});
