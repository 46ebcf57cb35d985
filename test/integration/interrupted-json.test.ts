import { expect, it } from 'vitest';
import { LoggedProcess } from '../support/process.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, inject, gate } = useWorld();

const MIB = 1048576;

function cli(...args: string[]): LoggedProcess {
  const { redisUrl: REDIS_URL, prefix: QUEUE_PREFIX, sources: SOURCE_ROOTS } = world();
  return new LoggedProcess(['src/cli.ts', ...args], { REDIS_URL, QUEUE_PREFIX, SOURCE_ROOTS });
}

it('add --wait --json prints an object for each file when it is interrupted, also for those that go on', async () => {
  const held = gate({ action: 'InitUpload', after: 1 });
  await world().worker().ready();
  const [first, second] = [await source('first.mp4', 1000), await source('second.mp4', MIB)];
  const adding = cli('add', first, second, '--wait', '--json');
  await adding.line(({ outcome }) => outcome === 'completed');
  await held.reached();
  adding.kill('SIGINT');
  expect((await adding.exited).code).toBe(130);
  const records = adding.lines.filter(({ id }) => id !== undefined);
  expect(records).toHaveLength(2);
  const pending = records.find(({ outcome }) => outcome !== 'completed');
  expect(['queued', 'hashing', 'initializing']).toContain(pending?.outcome);
  const upload = await world().uploads.get(pending?.id as string);
  held.open();
  expect(await upload?.result()).toMatchObject({ outcome: 'completed' });
});

it('retry --wait --json prints the object as well', async () => {
  inject({ action: 'InitUpload', effect: { kind: 'code', code: -10003, canRetry: 0 } });
  await world().worker().ready();
  const upload = await world().uploads.add({ source: await source('again.mp4', 1000) });
  await upload.result().catch(() => {});
  const held = gate({ action: 'InitUpload' });
  const retrying = cli('retry', upload.id, '--wait', '--json');
  await held.reached();
  retrying.kill('SIGTERM');
  expect((await retrying.exited).code).toBe(143);
  const records = retrying.lines.filter(({ id }) => id === upload.id);
  expect(records).toHaveLength(1);
  expect(['queued', 'hashing', 'initializing']).toContain(records[0]?.outcome);
});
