import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, stats, download } = useWorld();

it('after VOD refuses to finish, only the part that it stored damaged is sent again', async () => {
  inject({ action: 'UploadPart', offset: 2 * MIB, effect: { kind: 'damage' } });
  const worker = await world().worker().ready();
  const path = await source('damaged.mp4', 5 * MIB + 7);
  const upload = await world().uploads.add({ source: path });
  const result = await upload.result();
  expect(result).toMatchObject({
    outcome: 'completed',
    partsSent: 7,
    partsSkipped: 0,
    bytesSent: 6 * MIB + 7,
  });
  expect((await download(result.url)).equals(await readFile(path))).toBe(true);
  const { requests, parts } = stats();
  expect(parts).toMatchObject({ accepted: 7, duplicates: 0 });
  expect(requests).toMatchObject({
    InitUpload: { byResult: { 0: 1, 1: 1 } },
    FinishUpload: { byResult: { '-10003': 1, 0: 1 } },
  });
  expect((await upload.status()).attempt).toBe(1);
  const { history } = await world().uploads.details(upload.id);
  expect(history.map(({ text }) => text)).toContain(
    'sending 0 of 6 parts, 0 bytes; comparing 6 that VOD has with the file',
  );
  expect(await worker.metric('vod_parts_total', { outcome: 'skipped' })).toBe(5);
});

it('parts are compared only once when VOD refuses for another reason, and a retry hashes again', async () => {
  const refusal = { kind: 'code', code: -10003, canRetry: 0, message: 'no' } as const;
  inject({ action: 'FinishUpload', effect: refusal, count: 4 });
  const worker = await world().worker().ready();
  const upload = await world().uploads.add({ source: await source('refused.mp4', 3 * MIB) });
  await expect(upload.result()).rejects.toMatchObject({ code: 'FINISH_UNRESOLVED', retryable: true });
  // All parts in the first round after the refusal, and only in that round.
  expect(await worker.metric('vod_parts_total', { outcome: 'skipped' })).toBe(3);
  expect(stats().parts).toMatchObject({ accepted: 3, duplicates: 0 });
  expect(await worker.metric('vod_hash_bytes_total')).toBe(3 * MIB);
  expect(await (await world().uploads.retry(upload.id)).result()).toMatchObject({ outcome: 'completed' });
  expect(await worker.metric('vod_hash_bytes_total')).toBe(6 * MIB);
});
