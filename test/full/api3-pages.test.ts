import { expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 2 ** 20;
/** The service's minute is a day, so that no test depends on how long it takes. */
const MINUTE_MS = 86_400_000;

const { world, source, gate, inject } = useWorld({ api: '2018-07-17' });
const ops = useOps(world);

async function cli(...args: string[]): Promise<string> {
  const env = { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix };
  return (await new CliProcess(args, { env, cwd: world().sources }).ended).stdout;
}

const page = async (path: string): Promise<string> =>
  await (await fetch(`${ops().url}/uploads${path}`)).text();

/** What people see of an upload, by place. */
async function seen({ id }: Upload): Promise<Readonly<Record<string, string>>> {
  const [status, json, list, table, own] = await Promise.all([
    ...[cli('status', id), cli('status', id, '--json'), cli('list'), page(''), page(`/${id}`)],
  ]);
  return { status, json, list, table, own } as Record<string, string>;
}

function expectComplete(all: Readonly<Record<string, string>>): void {
  for (const [place, text] of Object.entries(all)) {
    expect(text, place).not.toMatch(/undefined|NaN|\[object/);
    // No row without a value.
    expect(text, place).not.toMatch(/<d[dt]>\s*<\/d[dt]>/);
    expect(text, place).not.toMatch(/^\S+:\s*$/m);
  }
}

it('an upload without a SHA-1 is shown in full while it runs and at its end', async () => {
  const parts = gate({ action: 'UploadPart', after: 2 });
  await world().worker().ready();
  const upload = await world().uploads.add({ source: await source('shown.mp4', 6 * MIB), partSize: MIB });
  await parts.reached(4);
  await expect.poll(async () => (await upload.status()).progress.bytesSent).toBe(2 * MIB);
  const running = await seen(upload);
  expectComplete(running);
  for (const place of ['status', 'list', 'table', 'own'])
    expect(running[place], place).toContain('shown.mp4');
  expect(running.own).toContain('uploading');
  expect(running.own).not.toContain('SHA-1 ');
  parts.open();
  await upload.result();
  expectComplete(await seen(upload));
});

it('an upload that failed, and one that waits for the quota, say so everywhere', async () => {
  inject({ action: 'PutObject', effect: { kind: 'error', code: 'EntityTooLarge', message: 'too much' } });
  const env = { VOD_QUOTA_WINDOW_MS: `${MINUTE_MS}`, VOD_QUOTA_PER_SECOND: '1' };
  await world().worker(env).ready();
  const failed = await world().uploads.add({ source: await source('failed.mp4', 1000) });
  await expect(failed.result()).rejects.toMatchObject({ code: 'EntityTooLarge' });
  const failedSeen = await seen(failed);
  expectComplete(failedSeen);
  expect(failedSeen.status).toContain('EntityTooLarge');
  expect(failedSeen.own).toContain('too much');
  const waiting = await world().uploads.add({ source: await source('waiting.mp4', 1000) });
  await expect.poll(async () => (await waiting.status()).progress.quotaWaitMs).toBeGreaterThan(60_000);
  const waitingSeen = await seen(waiting);
  expectComplete(waitingSeen);
  for (const place of ['status', 'table', 'own'])
    expect(waitingSeen[place], place).toMatch(/waiting for the account(?:'|&#39;)s quota/);
});
