import { expect, it } from 'vitest';
import { ActiveUpload } from '../../src/flow/active-upload.ts';
import { ChildJobs } from '../../src/flow/child-jobs.ts';
import { partJobs } from '../../src/flow/part-jobs.ts';
import type { SendValue } from '../../src/queue/jobs/init.ts';
import { SCHEMA_VERSION } from '../../src/queue/jobs/schema.ts';
import { connect, startConsumer } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1_048_576;
const PARTS = 100;

const { world } = useWorld();

it('a part is taken by a worker on the same connection while further parts are being added', async () => {
  const { redis, queues } = connect(world());
  const started = Promise.withResolvers<void>();
  await startConsumer(world(), { redis, queues }, async () => started.resolve());
  const job = await queues.upload.add('film.mp4', {
    ...{ schema: SCHEMA_VERSION, source: '/srv/film.mp4', priority: 5, nonce: 'n' },
    video: { name: 'film', type: 'mp4', partSize: MIB },
  });
  const upload = new ActiveUpload(job, { write: async () => true, onChange() {} });
  const jobs = new ChildJobs({ queues, redis, childAttempts: 1 }, upload);
  const hashed = { fileSha: 'a'.repeat(40), version: { size: PARTS * MIB, mtimeNs: '1', inode: '2' } };
  const init: SendValue = { kind: 'send', partSize: MIB, missing: [[0, PARTS - 1]] };
  const parts = partJobs(init, PARTS * MIB, { isExcluded: () => false, limit: PARTS });
  await jobs.addParts({ hashed, hasSession: false, first: false }, parts, async () => {
    await started.promise;
    return true;
  });
  const { unprocessed, processed } = await job.getDependenciesCount();
  expect((unprocessed ?? 0) + (processed ?? 0)).toBeLessThan(PARTS);
});
