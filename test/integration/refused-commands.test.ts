import { expect, it } from 'vitest';
import { startProducer } from '../support/producer.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { startRestrictedRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, gate } = useWorld();

it('refused commands are logged once: pages, metrics and cancel work without them', async () => {
  const { admin, url } = await startRestrictedRedis({ prefix: world().prefix, password: 'pass' });
  await admin.acl('SETUSER', 'uploads', '-client|list', '-info', '-time');
  const ops = await world().ops({ REDIS_URL: url }).ready();
  const told = ops.lines.filter(({ msg }) => msg === 'redis refuses a command');
  expect(told).toMatchObject([
    { level: 'warn', command: 'CLIENT LIST', fix: 'grant +client|list' },
    { command: 'INFO MEMORY', fix: 'grant +info' },
    { command: 'TIME', fix: 'grant +time' },
  ]);
  const metrics = async () => parseMetrics(await (await fetch(`${ops.url}/metrics`)).text());
  const names = (await metrics()).map(({ name }) => name);
  expect(names).toContain('vod_queue_jobs');
  expect(names).toContain('vod_quota_limit');
  expect(names).not.toContain('vod_quota_used');

  // A worker needs these commands.
  await admin.acl('SETUSER', 'uploads', '+info', '+time');
  const parts = gate({ action: 'UploadPart' });
  await world().worker({ REDIS_URL: url }).ready();
  const uploads = startProducer(world(), url);
  const upload = await uploads.add({ source: await source('cancelled.mp4', 1000) });
  await parts.reached();
  const series = await metrics();
  expect(sumOf(series, 'vod_queue_jobs', { queue: 'vod-upload' })).toBe(1);
  expect(series.some(({ name }) => name === 'vod_queue_workers')).toBe(false);
  const page = await fetch(`${ops.url}/uploads`);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('cancelled.mp4')]);
  expect(await uploads.cancel(upload.id)).toBe(true);
  await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
});
