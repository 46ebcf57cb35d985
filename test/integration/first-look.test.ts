import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { commandRun } from '../support/monitor.ts';
import { startProducer } from '../support/producer.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

test('waiting for an upload misses no event between reading its state and reading events', async () => {
  const { prefix, redisUrl } = world();
  const uploads = startProducer(world(), redisUrl);
  const upload = await uploads.add({ source: await source('looked-at.mp4', 10) });
  const admin = new Redis(redisUrl);
  onTestFinished(() => admin.disconnect());
  const events = `${prefix}:vod-upload:events`;
  const [[newest] = ['']] = await admin.xrevrange(events, '+', '-', 'COUNT', 1);

  const seen: string[] = [];
  const reads = (line: string) => /"xread"/i.test(line) && line.includes(events);
  const looks = (line: string) => line.includes(upload.id);
  const { line } = await commandRun(redisUrl, (command) => {
    if (command.includes(prefix)) seen.push(command);
    return seen.some(reads) && seen.some(looks);
  });
  upload.result().catch(() => {});
  await line;
  // Events are read from the newest one before the state was read.
  expect(seen.findIndex((command) => /"xrevrange"/i.test(command))).toBe(0);
  expect(seen.find(reads)).toContain(`"${newest}"`);
});
