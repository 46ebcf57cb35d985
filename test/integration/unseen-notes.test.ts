import { describe, expect, it } from 'vitest';
import { UnavailableSources } from '../../src/flow/unavailable-sources.ts';
import type { JobContext } from '../../src/queue/consumer.ts';
import { LeftToOthersError } from '../../src/queue/postpone-errors.ts';
import { workerIdentity } from '../../src/queue/worker-identity.ts';
import { SourceError } from '../../src/source/errors.ts';
import type { RootWatch } from '../../src/source/root-watch.ts';
import { connect, connectIdleWorker } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const GRACE_MS = 60_000;
const KEEP_MS = 86_400_000;
const SOURCE = '/srv/x.mp4';

const { world } = useWorld();

/** Workers of one stage; the test lets time pass in Redis. */
function setUp(graceMs = GRACE_MS) {
  const { redis, queues } = connect(world());
  const key = `${world().prefix}:vod-unseen:u:1:part`;
  const signal = new AbortController().signal;
  const attempt: JobContext = {
    jobId: 'j',
    createdAtMs: 0,
    restarted: false,
    starts: 1,
    signal,
    save: async () => {},
  };
  return {
    redis,
    /** Makes the last note `ms` older. */
    pass: (ms: number) => redis.pexpire(key, KEEP_MS - ms),
    partIsDone: (id: string) => redis.hset(`${queues.upload.toKey('u')}:processed`, id, 'null'),
    /** A worker that can't see the file. */
    worker: (roots: string) => {
      const name = workerIdentity();
      const unseen = new UnavailableSources({
        ...{ stage: 'part', queues, redis, prefix: world().prefix, graceMs, worker: name },
        roots: { roots: [roots], gone: [], checkNow: async () => true } as unknown as RootWatch,
      });
      const processor = unseen.wrap(async () => {
        throw new SourceError('SOURCE_NOT_FOUND', `${SOURCE} does not exist`);
      });
      const data = { uploadId: 'u', run: { attempt: 1, round: 0 }, source: SOURCE };
      return { name, look: (): Promise<unknown> => processor(data, attempt).catch((error) => error) };
    },
    connected: (name: string) => connectIdleWorker(world(), redis, name),
  };
}

describe('workers that can’t see a file', () => {
  it('leave it to each other during the grace time, and then fail it', async () => {
    const { pass, worker } = setUp();
    const [one, other] = [worker('/srv/a'), worker('/srv/b')];
    expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    await pass(30_000);
    expect(await other.look()).toBeInstanceOf(LeftToOthersError);
    await pass(30_000);
    const error = await one.look();
    expect(error).toMatchObject({ code: 'SOURCE_NOT_FOUND', retryable: false });
    const { message } = error as Error;
    expect(message).toContain('for 1 min: ');
    for (const root of ['/srv/a', '/srv/b'])
      expect(message).toContain(`(SOURCE_ROOTS=${root}): it does not exist`);
  });

  it('count only a part of the time in which no worker has looked', async () => {
    const { pass, worker } = setUp();
    const one = worker('/srv/a');
    await one.look();
    await pass(7_200_000);
    expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    await pass(7_200_000);
    expect(await one.look()).toBeInstanceOf(SourceError);
  });

  it('start the grace time again after a worker has seen it', async () => {
    const { pass, partIsDone, worker } = setUp();
    const one = worker('/srv/a');
    await one.look();
    await pass(30_000);
    await one.look();
    await partIsDone('p0');
    await pass(30_000);
    expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    await pass(30_000);
    expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    await pass(30_000);
    expect(await one.look()).toBeInstanceOf(SourceError);
  });

  it('wait for a worker that has not looked, but not forever', async () => {
    const { pass, worker, connected } = setUp();
    const one = worker('/srv/a');
    await connected(one.name.name);
    await connected('busy');
    await one.look();
    for (let waitedMs = 30_000; waitedMs < 10 * GRACE_MS; waitedMs += 30_000) {
      await pass(30_000);
      expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    }
    await pass(30_000);
    expect(await one.look()).toBeInstanceOf(SourceError);
  });

  it('do not wait for workers that have looked', async () => {
    const { pass, worker, connected } = setUp();
    const [one, other] = [worker('/srv/a'), worker('/srv/b')];
    for (const { name } of [one, other]) await connected(name.name);
    await one.look();
    await pass(30_000);
    await one.look();
    await pass(30_000);
    expect(await one.look()).toBeInstanceOf(LeftToOthersError);
    expect(await other.look()).toBeInstanceOf(SourceError);
  });
});
