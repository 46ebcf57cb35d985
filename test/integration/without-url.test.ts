import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import type { UploadCompletedEvent } from '../../src/index.ts';
import { LoggedProcess, ROOT } from '../support/process.ts';
import { startReceiver, WEBHOOK_SECRET } from '../support/receiver.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, inject, stats } = useWorld();

/** The result schema of the previous version. */
const resultOfBefore = z.object({ fileId: z.string(), url: z.string() });

test('a video without url is accepted everywhere: sent or instant, in results, events, pages and Redis', async () => {
  inject({ effect: { kind: 'noUrl' }, share: 1 });
  const receiver = await startReceiver();
  onTestFinished(() => receiver.close());
  const told: UploadCompletedEvent[] = [];
  world().uploads.subscribe({
    consumer: 'without-url',
    onCompleted: (event) => void told.push(event),
    onError: () => {},
  });
  const webhooks = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' };
  await world().worker(webhooks).ready();
  const path = await source('nameless.mp4', 1_500_000);
  const again = join(world().sources, 'again.mp4');
  await copyFile(path, again);

  const sent = await world().uploads.add({ source: path });
  const { fileId, ...first } = await sent.result();
  expect(first).toMatchObject({ outcome: 'completed', url: null });
  const instant = await world().uploads.add({ source: again });
  expect(await instant.result()).toMatchObject({ outcome: 'instant', fileId, url: null });
  expect(stats().requests).toMatchObject({ InitUpload: { total: 2 }, FinishUpload: { total: 1 } });

  const ids = [sent.id, instant.id].sort();
  expect((await sent.status()).result).toMatchObject({ fileId, url: null });
  await expect.poll(() => told.map(({ uploadId }) => uploadId).sort()).toEqual(ids);
  expect(told.map(({ result }) => result.url)).toEqual([null, null]);
  await expect.poll(() => receiver.requests.map(({ payload }) => payload.data.uploadId).sort()).toEqual(ids);
  for (const { payload } of receiver.requests) expect(payload.data).toMatchObject({ fileId, url: null });
  expect(receiver.refused).toEqual([]);

  const ops = await world().ops().ready();
  const page = await (await fetch(`${ops.url}/uploads/${sent.id}`)).text();
  expect(page).toContain(`<code>${fileId}</code><br>VOD returned no URL for it.`);
  const env = { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix };
  const status = new LoggedProcess([join(ROOT, 'src', 'cli.ts'), 'status', '--json', sent.id], env);
  expect((await status.exited).code, status.output).toBe(0);
  expect(status.lines[0]).toMatchObject({ outcome: 'completed', fileId, url: null });

  // Programs of the previous version, which may run at the same time, can read it.
  for (const id of ids) {
    const stored = await withQueue(world(), (redis, key) =>
      redis.hmget(key(`vod-upload:${id}`), 'returnvalue', 'data'),
    );
    const [result, data] = stored.map((text) => JSON.parse(text ?? '{}'));
    expect(resultOfBefore.parse(result)).toEqual({ fileId, url: '' });
    expect(resultOfBefore.parse(data.result)).toEqual({ fileId, url: '' });
  }
});
