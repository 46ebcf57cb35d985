import { describe, expect, it } from 'vitest';
import { History, type HistoryEntry, readHistory } from '../../src/flow/history.ts';
import { connect } from '../support/consumer.ts';
import { untilDelayed } from '../support/delayed.ts';
import { sha1Of } from '../support/files.ts';
import type { LogLine } from '../support/process.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, gate } = useWorld();

/** The upload's history without times, after it has a matching row. */
async function historyOf(uploadId: string, awaited: RegExp): Promise<string[]> {
  const { queues } = connect(world());
  let entries: HistoryEntry[] = [];
  await expect
    .poll(async () => {
      entries = await readHistory(queues.upload, uploadId);
      return entries.map(({ text }) => text);
    })
    .toContainEqual(expect.stringMatching(awaited));
  expect(entries.map(({ at }) => at.getTime())).toEqual(
    entries.map(({ at }) => at.getTime()).sort((a, b) => a - b),
  );
  return entries.map(({ text }) => text);
}

describe('the log of one upload', () => {
  it('has every stage and failed attempt, by its id, in the logs of all workers', async () => {
    // One worker per stage.
    const replicas = await Promise.all(
      ['upload', 'hash', 'init,finish', 'part'].map(
        async (stages) => await world().worker({ LOG_LEVEL: 'debug' }, ['--stages', stages]).ready(),
      ),
    );
    const path = await source('story.mp4', 2 * MIB + 5);
    const fileSha = await sha1Of(path);
    inject({ action: 'UploadPart', offset: MIB, effect: { kind: 'code', code: -10005, canRetry: 1 } });
    const other = await world().uploads.add({ source: await source('other.mp4', 10) });
    const upload = await world().uploads.add({ source: path });
    const result = await upload.result();
    await other.result();
    await replicas[0]?.line(({ msg, uploadId }) => msg === 'upload completed' && uploadId === upload.id);
    const linesOf = (of: readonly WorkerProcess[]) =>
      of.flatMap(({ lines }) => lines).filter(({ uploadId }) => uploadId === upload.id);
    // A worker may log its last part after another has logged the upload's end.
    await expect
      .poll(() => linesOf(replicas).filter(({ msg, stage }) => msg === 'job done' && stage === 'part').length)
      .toBe(3);

    const story = linesOf(replicas).sort((a, b) => String(a.time).localeCompare(String(b.time)));
    const told = (fits: (line: LogLine) => boolean) => story.filter(fits);
    const stages = told(({ msg }) => msg === 'upload stage changed');
    expect(stages.map(({ stage }) => stage)).toEqual(['hashing', 'initializing', 'uploading', 'finishing']);
    for (const line of stages) expect(line).toMatchObject({ level: 'info', run: 'r1', attempt: 1 });
    expect(stages[2]).toMatchObject({ fileSha, bytes: 2 * MIB + 5 });
    expect(told(({ msg }) => msg === 'attempt failed')).toEqual([
      expect.objectContaining({
        level: 'warn',
        stage: 'part',
        run: 'r1',
        jobId: `${upload.id}-r1-p1`,
        attempt: 1,
        fileSha,
        offset: MIB,
        bytes: MIB,
        durationMs: expect.any(Number),
        code: '-10005',
        canRetry: 1,
        retryable: true,
        next: 'retried',
        reason: expect.stringContaining('UploadPart refused with code -10005'),
      }),
    ]);
    const parts = told(({ msg, stage }) => msg === 'job done' && stage === 'part');
    expect(parts.map(({ level }) => level)).toEqual(['debug', 'debug', 'debug']);
    expect(parts.map(({ offset }) => offset).sort()).toEqual([0, MIB, 2 * MIB]);
    expect(story.find(({ msg }) => msg === 'upload completed')).toMatchObject({
      stage: 'completed',
      fileId: result.fileId,
      fileSha,
      bytes: 2 * MIB + 5,
      durationMs: expect.any(Number),
    });

    expect(await historyOf(upload.id, /^completed in /)).toEqual([
      'hashing',
      `SHA-1 ${fileSha} of 2.0 MiB; asking VOD what it has`,
      'sending 3 of 3 parts, 2.0 MiB',
      expect.stringMatching(
        /^part at 1048576: attempt 1 failed, will be retried: UploadPart refused .*\[-10005\]$/,
      ),
      'VOD has all parts; finishing',
      expect.stringMatching(/^completed in .* s: sent 2\.0 MiB; fileId \d+$/),
    ]);
  });

  it('continues with the next attempt after a retry, and has the reason of the failure', async () => {
    inject({ action: 'InitUpload', effect: { kind: 'code', code: -10003, canRetry: 0, message: 'no such' } });
    const worker = await world().worker({ LOG_REDACT: 'source,url' }).ready();
    const path = await source('again.mp4', 100);
    const upload = await world().uploads.add({ source: path });
    await expect(upload.result()).rejects.toMatchObject({ code: '-10003' });
    const failed = await worker.line(({ msg }) => msg === 'upload failed');
    expect(failed).toMatchObject({ uploadId: upload.id, code: '-10003', retryable: false, attempt: 1 });
    await world().uploads.retry(upload.id);
    const { outcome } = await upload.result();
    await worker.line(({ msg }) => msg === 'upload completed');
    expect(outcome).toBe('completed');
    const rows = await historyOf(upload.id, /^completed in /);
    expect(rows.map((row) => row.replace(/[0-9a-f]{40}/, 'SHA'))).toEqual([
      'hashing',
      'SHA-1 SHA of 100 bytes; asking VOD what it has',
      expect.stringMatching(/^init: attempt 1 failed, for good: InitUpload refused .*no such.*\[-10003\]$/),
      expect.stringMatching(/^failed: InitUpload refused .*\[-10003\]$/),
      'attempt 2: hashing',
      'SHA-1 SHA of 100 bytes; asking VOD what it has',
      'sending 1 of 1 parts, 100 bytes',
      'VOD has all parts; finishing',
      expect.stringMatching(/^completed in /),
    ]);
    // Only the configured fields are redacted.
    expect(failed.source).toBe('[redacted]');
    expect(worker.output).not.toContain(path);
    expect(worker.output).not.toMatch(/"url":"http/);
    expect(failed.reason).toContain('no such');
  });

  it('shows which upload waits for another one with the same content', async () => {
    const parts = gate({ action: 'UploadPart' });
    await world().worker().ready();
    const path = await source('twice.mp4', MIB);
    const uploads = await world().uploads.addMany([{ source: path }, { source: path, name: 'again' }]);
    await parts.reached();
    await untilDelayed(world(), 1);
    parts.open();
    const [first, second] = uploads;
    const outcomes = (await Promise.all(uploads.map((upload) => upload.result()))).map(
      ({ outcome }) => outcome,
    );
    expect(outcomes.toSorted()).toEqual(['completed', 'instant']);
    const [sender, waiter] = outcomes[0] === 'completed' ? [first, second] : [second, first];
    expect(await historyOf(waiter?.id ?? '', /^waiting/)).toContain(
      `waiting for upload ${sender?.id}, which sends the same content`,
    );
  });
});

describe('a history', () => {
  it('keeps the latest rows, and skips invalid ones', async () => {
    const { redis, queues } = connect(world());
    const { upload } = queues;
    await upload.add('x', {}, { jobId: 'long' });
    const history = new History(upload, redis);
    await upload.addJobLog('long', 'not a row of ours');
    for (let row = 0; row < 600; row++) history.record('long', `row ${row}`);
    history.record('nobody', 'is lost, and that is all');
    await expect.poll(async () => (await readHistory(upload, 'long')).at(-1)?.text).toBe('row 599');
    const rows = await readHistory(upload, 'long');
    expect(rows).toHaveLength(500);
    expect(rows[0]?.text).toBe('row 100');
  });
});
