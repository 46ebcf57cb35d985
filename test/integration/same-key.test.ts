import { utimes, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/run.ts';
import { KeyConflictError, type UploadOptions } from '../../src/index.ts';
import { useWorld } from '../support/use-world.ts';
import { memoryContext } from '../unit/cli/memory-output.ts';

const { world, source } = useWorld();

describe('a second add with the same key', () => {
  it('returns the options in which it differs, and changes nothing', async () => {
    const path = await source('order.mp4', 1000);
    const first: UploadOptions = { source: path, key: 'order-1', tags: ['a'], transcode: true };
    const upload = await world().uploads.add(first);
    expect([upload.created, upload.differs]).toEqual([true, []]);
    const same = await world().uploads.add(first);
    expect([same.id, same.created, same.differs]).toEqual([upload.id, false, []]);
    const other: UploadOptions = { source: path, key: 'order-1', name: 'Other', tags: ['x'], priority: 1 };
    const differs = ['name', 'tags', 'transcode', 'priority'];
    expect(await world().uploads.add(other)).toMatchObject({ id: upload.id, created: false, differs });
    const refused = world().uploads.add({ ...other, onConflict: 'error' });
    await expect(refused).rejects.toBeInstanceOf(KeyConflictError);
    await expect(refused).rejects.toMatchObject({
      ...{ code: 'KEY_CONFLICT', uploadId: upload.id, differs, retryable: false },
      message: expect.stringContaining('differs in: name, tags, transcode, priority'),
    });
    expect(await upload.status()).toMatchObject({ name: 'order', state: 'queued' });
  });

  it('does not keep addMany from adding the others', async () => {
    const path = await source('one-of-many.mp4', 1000);
    await world().uploads.add({ source: path, key: 'of-many-0' });
    // More than one batch.
    const many = Array.from({ length: 501 }, (_, index): UploadOptions => {
      return { source: path, key: `of-many-${index}`, name: 'Other', onConflict: 'error' };
    });
    await expect(world().uploads.addMany(many)).rejects.toBeInstanceOf(KeyConflictError);
    const last = await world().uploads.add({ source: path, key: 'of-many-500', name: 'Other' });
    expect(last).toMatchObject({ created: false, differs: [] });
  });

  it('reports that the file was rewritten, even with the same size', async () => {
    await world().worker().ready();
    const path = await source('rewritten.mp4', 1000);
    const options = { source: path, key: 'order-2' };
    await (await world().uploads.add(options)).result();
    expect((await world().uploads.add(options)).differs).toEqual([]);
    await writeFile(path, Buffer.alloc(1000, 'y'));
    await utimes(path, new Date(), new Date(Date.now() + 60_000));
    expect(await world().uploads.add(options)).toMatchObject({ created: false, differs: ['file'] });
    const { id } = await world().uploads.add({
      source: await source('queued.mp4', 10),
      key: 'order-3',
      delay: 3e6,
    });
    await writeFile(`${world().sources}/queued.mp4`, 'longer than before');
    const again = await world().uploads.add({ source: `${world().sources}/queued.mp4`, key: 'order-3' });
    expect(again).toMatchObject({ id, differs: ['file'] });
  });

  it('is reported by the command line, as an error on request', async () => {
    const path = await source('by-command.mp4', 1000);
    const run = async (...options: string[]) => {
      const { redisUrl: REDIS_URL, prefix: QUEUE_PREFIX, sources: SOURCE_ROOTS } = world();
      const context = memoryContext({ REDIS_URL, QUEUE_PREFIX, SOURCE_ROOTS });
      const exitCode = await runCli(['add', path, '--key', 'k', '--json', ...options], context);
      return { exitCode, err: context.err.text, out: context.out.text };
    };
    const first = await run();
    expect(first).toMatchObject({ exitCode: 0, err: '' });
    expect(JSON.parse(first.out)).not.toHaveProperty('differs');
    const second = await run('--tag', 'new');
    expect(second.exitCode).toBe(0);
    expect(second.err).toBe(
      'vod-upload: by-command.mp4: key "k" was added before, and differs in: tags; the existing upload is unchanged\n',
    );
    expect(JSON.parse(second.out)).toMatchObject({ created: false, differs: ['tags'], outcome: 'queued' });
    const third = await run('--tag', 'new', '--conflict', 'error');
    expect(third.exitCode).toBe(2);
    expect(third.err).toMatch(
      /^vod-upload: key "k" was added before, and differs in: tags\. The existing upload k/,
    );
    expect(JSON.parse(third.out)).toMatchObject({
      id: null,
      error: { code: 'KEY_CONFLICT', retryable: false },
    });
  });
});
