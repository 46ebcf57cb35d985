import { expect, it } from 'vitest';
import type { Upload, UploadStatus } from '../../src/index.ts';
import { apiHoldKey, type Hold, holdKey } from '../../src/quota/hold.ts';
import { CliProcess } from '../support/cli-process.ts';
import { connect } from '../support/consumer.ts';
import { quotaLogOf } from '../support/quota-log.ts';
import { seedInitializing, seedParts, seedQueued } from '../support/seed.ts';
import { useOps } from '../support/use-ops.ts';
import { ALL, useTranscodings, waitFor } from '../support/use-transcodings.ts';

/** The service's minute is a day, so that no test depends on how long it takes. */
const MINUTE_MS = 86_400_000;
/** A day, and what a permit counts longer. */
const WAITING = /waiting for the account(?:'|&#39;)s quota, 2[34] h(?: \d+ min)?/;
const ANY_WAIT = 's quota';

const { world, source, gate, add, stats } = useTranscodings();
const ops = useOps(world);

const startWorker = (quotas: Readonly<Record<string, string>>) =>
  world()
    .worker({ VOD_QUOTA_WINDOW_MS: `${MINUTE_MS}`, ...quotas }, ALL)
    .ready();

const quotaWaitOf = async (upload: Upload): Promise<number | undefined> =>
  (await upload.status()).progress.quotaWaitMs;

/** Resolves when the upload waits for the quota. */
const untilWaiting = async (upload: Upload): Promise<void> =>
  await expect.poll(() => quotaWaitOf(upload)).toBeGreaterThan(MINUTE_MS / 2);

async function cli(args: readonly string[]): Promise<string> {
  const env = { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix };
  const { stdout } = await new CliProcess(args, { env, cwd: world().sources }).ended;
  return stdout;
}

const page = async (path: string): Promise<string> =>
  await (await fetch(`${ops().url}/uploads${path}`)).text();

const rowOf = (table: string, { id }: Pick<Upload, 'id'>): string =>
  table.split('<tr ').find((row) => row.startsWith(`id="upload-${id}"`)) ?? '';

it('an upload that waits for InitUpload says so everywhere, until it is sent', async () => {
  const { queues } = connect(world());
  await startWorker({ VOD_QUOTA_INIT_PER_MINUTE: '1' });
  const first = await world().uploads.add({ source: await source('first.mp4', 1000) });
  await first.result();
  const path = await source('second.mp4', 1000);
  const second = await world().uploads.add({ source: path });
  await untilWaiting(second);
  // Waits for the second one, and not for the quota.
  const same = await world().uploads.add({ source: path });
  await expect.poll(async () => (await same.status()).state).toBe('initializing');
  await expect.poll(() => queues.upload.getJobState(same.id)).toBe('delayed');

  const commands = [['status', second.id], ['status', second.id, '--json'], ['list']];
  const [text = '', json = '', list = ''] = await Promise.all(commands.map((args) => cli(args)));
  expect(text).toMatch(new RegExp(`initializing {2}${WAITING.source}\n`));
  expect((JSON.parse(json) as UploadStatus).progress.quotaWaitMs).toBeGreaterThan(MINUTE_MS / 2);
  const lines = list.split('\n').filter((line) => WAITING.test(line));
  expect(lines).toEqual([expect.stringContaining(second.id)]);
  const table = await page('');
  expect(rowOf(table, second)).toMatch(WAITING);
  expect(await page(`/${second.id}`)).toMatch(WAITING);
  for (const other of [first, same]) {
    expect(rowOf(table, other)).toContain('state-');
    expect(rowOf(table, other)).not.toContain(ANY_WAIT);
    expect(await page(`/${other.id}`)).not.toContain(ANY_WAIT);
  }

  await quotaLogOf(world(), 'InitUpload').free(1);
  await queues.init.removeRateLimitKey();
  await second.result();
  expect(await quotaWaitOf(second)).toBeUndefined();
  expect(await page(`/${second.id}`)).not.toContain(ANY_WAIT);
});

it('an upload waits for the quota of parts only when none of its parts is being sent', async () => {
  const { queues } = connect(world());
  const parts = gate({ action: 'UploadPart' });
  // One for the check of the key.
  await startWorker({ VOD_QUOTA_PART_PER_MINUTE: '2' });
  const upload = await world().uploads.add({
    source: await source('parts.mp4', 3 * 524_288),
    partSize: 524_288,
  });
  await parts.reached(1);
  await expect.poll(() => queues.part.getRateLimitTtl()).toBeGreaterThan(MINUTE_MS / 2);
  expect(await quotaWaitOf(upload)).toBeUndefined();
  parts.open();
  await untilWaiting(upload);
  expect(stats().requests.UploadPart.total).toBe(1);
  expect(rowOf(await page(''), upload)).toMatch(new RegExp(`MiB · ${WAITING.source}<`));
});

it('uploads wait for the quotas of FinishUpload and ConvertVodFile', async () => {
  await startWorker({ VOD_QUOTA_FINISH_PER_MINUTE: '2', VOD_QUOTA_TRANSCODE_PER_MINUTE: '1' });
  await (await add('first.mp4', waitFor)).result();
  for (const state of ['transcoding', 'finishing'] as const) {
    const upload = await add(`${state}.mp4`, waitFor);
    await untilWaiting(upload);
    expect(await upload.status()).toMatchObject({ state });
    expect(rowOf(await page(''), upload)).toMatch(WAITING);
  }
});

const HOLD: Hold = { kind: 'outage', since: Date.now(), code: 'NETWORK', message: 'refused' };

it('only uploads whose jobs wait in a queue that is held for the quota wait for it', async () => {
  const { redis, queues } = connect(world());
  const { init, part } = queues;
  const ids = await seedQueued(world(), 4);
  const [initializing = '', active = '', delayed = '', uploading = ''] = ids;
  await seedInitializing(world(), [initializing, active, delayed]);
  // One part is sent, one is active and one delayed.
  await seedParts(world(), uploading, { count: 5, sent: 1 });
  for (const id of [initializing, active, delayed])
    await redis.sadd(`${queues.upload.toKey(id)}:dependencies`, init.toKey(`${id}-r1-init`));
  for (const index of [1, 2, 3, 4])
    await redis.sadd(
      `${queues.upload.toKey(uploading)}:dependencies`,
      part.toKey(`${uploading}-r1-p${index}`),
    );
  await redis.lpush(init.toKey('active'), `${active}-r1-init`);
  await redis.zadd(init.toKey('delayed'), 1, `${delayed}-r1-init`);

  /** The uploads that wait, by their page, and each by its own status. */
  const waiting = async (): Promise<string[]> => {
    const listed = await world().uploads.list();
    for (const { id, progress } of listed) {
      const { progress: own } = await world().uploads.status(id);
      expect(own.quotaWaitMs === undefined).toBe(progress.quotaWaitMs === undefined);
    }
    return listed.filter(({ progress }) => progress.quotaWaitMs !== undefined).map(({ id }) => id);
  };
  expect(await waiting()).toEqual([]);
  await init.rateLimit(MINUTE_MS);
  expect(await waiting()).toEqual([initializing]);
  await part.rateLimit(MINUTE_MS);
  expect(await waiting()).toEqual([initializing]);
  await redis.del(part.toKey('active'));
  expect((await waiting()).sort()).toEqual([initializing, uploading].sort());

  await init.pause();
  expect(await waiting()).toEqual([uploading]);
  await init.resume();
  await redis.set(holdKey(world().prefix), JSON.stringify(HOLD));
  expect(await waiting()).toEqual([]);
  expect(await page('')).toContain('VOD does not answer');
  expect(await page('')).not.toContain(ANY_WAIT);
  await redis.rename(holdKey(world().prefix), apiHoldKey(world().prefix));
  expect((await waiting()).sort()).toEqual([initializing, uploading].sort());
});
