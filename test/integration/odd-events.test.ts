import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

const EVENTS = [
  { msgHandle: 'good-1', eventContent: { eventType: 'First', data: {} } },
  { eventContent: { eventType: 'WithoutHandle', data: {} } },
  { msgHandle: 7, eventContent: { eventType: 'NumericHandle', data: {} } },
  null,
  {
    msgHandle: 'deep',
    eventContent: `{"eventType":"Deep","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  },
  { msgHandle: 'good-2', eventContent: { eventType: 'Second', data: {} } },
];

/** Starts a server that returns these events once. @returns its URL, and the confirmed handles */
async function serviceWithOddEvents(): Promise<{ url: string; confirmed: string[] }> {
  const confirmed: string[] = [];
  let events: readonly unknown[] = EVENTS;
  const idle: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x');
    const reply = (fields: object) => response.end(JSON.stringify({ code: 0, message: '', ...fields }));
    if (searchParams.get('Action') === 'ConfirmEvent') {
      confirmed.push(
        ...[...searchParams].filter(([name]) => name.startsWith('msgHandle')).map(([, value]) => value),
      );
      return reply({});
    }
    if (events.length === 0) return void idle.push(response);
    reply({ eventList: events });
    events = [];
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v2/index.php`, confirmed };
}

it('invalid entries are counted and confirmed, without affecting other events', async () => {
  const { url, confirmed } = await serviceWithOddEvents();
  const worker = await world().worker({ VOD_EVENT_ENDPOINT: url }, ['--stages', 'events']).ready();
  await expect.poll(() => confirmed).toEqual(['good-1', '7', 'deep', 'good-2']);
  const odd = await worker.line(({ msg }) => String(msg).startsWith('PullEvent returned entries'));
  expect(odd).toMatchObject({ unreadable: 1, unconfirmed: 1 });
  const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
  onTestFinished(() => queue.close());
  await expect
    .poll(async () => (await queue.getCompleted()).map(({ name }) => name).sort())
    .toEqual(['First', 'NumericHandle', 'Second', 'WithoutHandle']);
  // The malformed entry, and the one whose content can't be stored.
  await expect.poll(() => worker.metric('vod_events_total', { outcome: 'invalid' })).toBe(2);
});
