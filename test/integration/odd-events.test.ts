import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Queue } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

const DEEP = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;

interface Protocol {
  /** The action that pulls events. */
  readonly action: string;
  /** Variables of a worker that pulls from this server. */
  env(origin: string): Readonly<Record<string, string>>;
  /** JSON of a reply with a good event, one without a handle, an entry that is none, a too deep one, and a good one. */
  readonly reply: string;
  /** JSON of the reply to a confirmation. */
  readonly confirmed: string;
  /** The handles that a request confirms. */
  handles(url: URL, body: string): readonly string[];
}

const PROTOCOLS: Readonly<Record<VodApi, Protocol>> = {
  v2: {
    action: 'PullEvent',
    env: (origin) => ({ VOD_EVENT_ENDPOINT: `${origin}/v2/index.php` }),
    reply: `{"code":0,"message":"","eventList":[
      {"msgHandle":"good-1","eventContent":{"eventType":"First","data":{}}},
      {"eventContent":{"eventType":"WithoutHandle","data":{}}},
      {"msgHandle":7,"eventContent":{"eventType":"NumericHandle","data":{}}},
      null,
      {"msgHandle":"deep","eventContent":${JSON.stringify(`{"eventType":"Deep","data":${DEEP}}`)}},
      {"msgHandle":"good-2","eventContent":{"eventType":"Second","data":{}}}]}`,
    confirmed: '{"code":0,"message":""}',
    handles: ({ searchParams }) =>
      [...searchParams].filter(([name]) => name.startsWith('msgHandle')).map(([, value]) => value),
  },
  '2018-07-17': {
    action: 'PullEvents',
    env: (origin) => ({ VOD_API: '2018-07-17', VOD_ENDPOINT: `${origin}/` }),
    reply: `{"Response":{"RequestId":"r","EventSet":[
      {"EventHandle":"good-1","EventType":"First","FirstEvent":{}},
      {"EventType":"WithoutHandle"},
      {"EventHandle":"7","EventType":"NumericHandle"},
      null,
      {"EventHandle":"deep","EventType":"Deep","DeepEvent":${DEEP}},
      {"EventHandle":"good-2","EventType":"Second"}]}}`,
    confirmed: '{"Response":{"RequestId":"r"}}',
    handles: (_url, body) => JSON.parse(body).EventHandles ?? [],
  },
};

/** Starts a server that returns the events once. @returns its origin, and the confirmed handles */
async function serviceWithOddEvents(protocol: Protocol): Promise<{ origin: string; confirmed: string[] }> {
  const confirmed: string[] = [];
  let isPulled = false;
  const idle: ServerResponse[] = [];
  const server = createServer(async (request, response) => {
    const handles = protocol.handles(new URL(request.url ?? '', 'http://x'), await text(request));
    if (handles.length > 0) {
      confirmed.push(...handles);
      return response.end(protocol.confirmed);
    }
    if (isPulled) return void idle.push(response);
    isPulled = true;
    response.end(protocol.reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, confirmed };
}

it.each([...Object.entries(PROTOCOLS)])(
  'invalid entries are counted and confirmed, without affecting other events: %s',
  async (_api, protocol) => {
    const { origin, confirmed } = await serviceWithOddEvents(protocol);
    const worker = await world().worker(protocol.env(origin), ['--stages', 'events']).ready();
    await expect.poll(() => confirmed).toEqual(['good-1', '7', 'deep', 'good-2']);
    const odd = await worker.line(({ msg }) => String(msg).startsWith(`${protocol.action} returned entries`));
    expect(odd).toMatchObject({ unreadable: 1, unconfirmed: 1 });
    const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
    onTestFinished(() => queue.close());
    await expect
      .poll(async () => (await queue.getCompleted()).map(({ name }) => name).sort())
      .toEqual(['First', 'NumericHandle', 'Second', 'WithoutHandle']);
    // The malformed entry, and the one whose content can't be stored.
    await expect.poll(() => worker.metric('vod_events_total', { outcome: 'invalid' })).toBe(2);
  },
);
