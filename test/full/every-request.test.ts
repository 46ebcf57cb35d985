import { describe, expect, it, onTestFinished } from 'vitest';
import type { Fault } from '../../src/emulator/server.ts';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { ofUploads, outcomes, saysQueuesHeld as saysAnyHeld } from '../support/holds.ts';
import type { LogLine } from '../support/process.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

let aheadMs = 0;
const { world, source, inject } = useWorld({ clock: () => Date.now() - aheadMs });

const saysQueuesHeld = (line: LogLine): boolean => saysAnyHeld(line) && ofUploads(line);

let batch = 0;
async function add(count: number): Promise<Upload[]> {
  batch++;
  const paths = await Promise.all(
    [...Array(count).keys()].map((index) => source(`batch${batch}-${index}.mp4`, 1000)),
  );
  return await world().uploads.addMany(paths.map((path) => ({ source: path })));
}

/** With one attempt for everything, whatever is spent fails its upload. */
const ONE_ATTEMPT = { PART_ATTEMPTS: '1' };

describe('what hits every request alike', () => {
  // The unit tests of errors have every code; one of each kind shows what follows from it.
  const troubles: readonly {
    readonly name: string;
    readonly effect: Fault['effect'];
    readonly kind: string;
    readonly code: string;
    readonly says: RegExp;
  }[] = [
    {
      name: 'a firewall',
      effect: { kind: 'http', status: 403 },
      kind: 'blocked',
      code: 'HTTP_403',
      says: /something on the way answers in place of VOD.*check VOD_ENDPOINT and any proxy or firewall/,
    },
    {
      name: 'maintenance',
      effect: { kind: 'code', code: 6200, canRetry: 0 },
      kind: 'outage',
      code: '6200',
      says: /VOD does not answer; nothing is lost.*under maintenance/,
    },
    {
      name: 'common parameters that are refused',
      effect: { kind: 'code', code: -10001, canRetry: 0 },
      kind: 'account',
      code: '-10001',
      says: /VOD refuses the account.*VOD_SECRET_ID and VOD_REGION/,
    },
  ];
  it.each(troubles)('is one event, says what to do and costs no attempt: $name', async (trouble) => {
    const { effect, kind, code, says } = trouble;
    const worker = await world().worker(ONE_ATTEMPT).ready();
    inject({ effect, share: 1 });
    const uploads = await add(12);
    const line = await worker.line(saysQueuesHeld);
    expect(line).toMatchObject({ hold: kind, code });
    expect(await worker.metric('vod_hold', { reason: kind })).toBe(1);
    const [first] = uploads as [Upload];
    expect((await first.status()).progress.hold).toMatchObject({ kind, code });
    const env = { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix };
    const status = await new CliProcess(['status', first.id], { env, cwd: world().sources }).ended;
    expect(status.stdout).toMatch(says);

    world().emulator.control.clearFaults();
    expect(await outcomes(uploads)).toEqual(Array(12).fill('completed'));
    await expect.poll(() => worker.metric('vod_hold')).toBe(0);
    expect(worker.lines.filter(saysQueuesHeld)).toEqual([line]);
  });

  it('as the clock of all workers does, and the reason says by how much it is off', async () => {
    aheadMs = 3 * 3_600_000;
    onTestFinished(() => {
      aheadMs = 0;
    });
    const worker = await world().worker(ONE_ATTEMPT).ready();
    expect(await worker.line(({ msg }) => String(msg).startsWith('key refused'))).toMatchObject({
      code: '4500',
    });
    const uploads = await add(3);
    await worker.line(saysQueuesHeld);
    expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
      kind: 'clock',
      code: '4500',
      message: expect.stringContaining("This machine's clock is 3 h ahead of VOD's: set it (NTP)."),
    });
    expect(await worker.metric('vod_hold', { reason: 'clock' })).toBe(1);
    aheadMs = 0;
    expect(await outcomes(uploads)).toEqual(Array(3).fill('completed'));
  });

  it('asks for no more than Retry-After allows', async () => {
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, OUTAGE_PROBE_MS: '10' })
      .ready();
    inject({ effect: { kind: 'http', status: 503, headers: { 'Retry-After': '2' } }, share: 1 });
    await add(12);
    await worker.line(saysQueuesHeld);
    const window = async (): Promise<string | null> =>
      await withQueue(world(), (redis, key) => redis.hget(key('vod-init:meta'), 'duration'));
    await expect.poll(window).toBe('2000');
  });
});
