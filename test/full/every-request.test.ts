import { describe, expect, it, onTestFinished } from 'vitest';
import type { Fault } from '../../src/emulator/server.ts';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { hasUploadStages, isQueuesHeld as isAnyHeld, outcomes } from '../support/holds.ts';
import type { LogLine } from '../support/process.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

let aheadMs = 0;
const { world, addUploads, inject } = useWorld({ clock: () => Date.now() - aheadMs });

const isQueuesHeld = (line: LogLine): boolean => isAnyHeld(line) && hasUploadStages(line);

/** With a single attempt, an upload fails as soon as an attempt is spent. */
const ONE_ATTEMPT = { PART_ATTEMPTS: '1' };

describe('an error of all requests', () => {
  // One error of each kind; the unit tests of errors cover every code.
  const cases: readonly {
    readonly name: string;
    readonly effect: Fault['effect'];
    readonly kind: string;
    readonly code: string;
    readonly status: RegExp;
  }[] = [
    {
      name: 'a firewall',
      effect: { kind: 'http', status: 403 },
      kind: 'blocked',
      code: 'HTTP_403',
      status:
        /a proxy, firewall or maintenance page answers in place of VOD.*check VOD_ENDPOINT .*and any proxy or firewall/,
    },
    {
      name: 'maintenance',
      effect: { kind: 'code', code: 6200, canRetry: 0 },
      kind: 'outage',
      code: '6200',
      status: /VOD does not answer; nothing is lost.*under maintenance/,
    },
    {
      name: 'refused common parameters',
      effect: { kind: 'code', code: -10001, canRetry: 0 },
      kind: 'account',
      code: '-10001',
      status: /VOD refuses the workers' account.*VOD_SECRET_ID and VOD_REGION/,
    },
  ];
  it.each(cases)('is logged once, shows what to do and spends no attempt: $name', async (one) => {
    const { effect, kind, code, status: expected } = one;
    const worker = await world().worker(ONE_ATTEMPT).ready();
    inject({ effect, share: 1 });
    const uploads = await addUploads(12);
    const line = await worker.line(isQueuesHeld);
    expect(line).toMatchObject({ hold: kind, code });
    expect(await worker.metric('vod_hold', { reason: kind })).toBe(1);
    const [first] = uploads as [Upload];
    expect((await first.status()).progress.hold).toMatchObject({ kind, code });
    const env = { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix };
    const status = await new CliProcess(['status', first.id], { env, cwd: world().sources }).ended;
    expect(status.stdout).toMatch(expected);

    world().emulator.control.clearFaults();
    expect(await outcomes(uploads)).toEqual(Array(12).fill('completed'));
    await expect.poll(() => worker.metric('vod_hold')).toBe(0);
    expect(worker.lines.filter(isQueuesHeld)).toEqual([line]);
  });

  it('caused by the clock of all workers shows the difference', async () => {
    aheadMs = 3 * 3_600_000;
    onTestFinished(() => {
      aheadMs = 0;
    });
    const worker = await world().worker(ONE_ATTEMPT).ready();
    expect(await worker.line(({ msg }) => String(msg).startsWith('key refused'))).toMatchObject({
      code: '4500',
    });
    const uploads = await addUploads(3);
    await worker.line(isQueuesHeld);
    expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
      kind: 'clock',
      code: '4500',
      message: expect.stringContaining("This machine's clock is 3 h ahead of VOD's: set it (NTP)."),
    });
    expect(await worker.metric('vod_hold', { reason: 'clock' })).toBe(1);
    aheadMs = 0;
    expect(await outcomes(uploads)).toEqual(Array(3).fill('completed'));
  });

  it('probes no more often than Retry-After allows', async () => {
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, OUTAGE_PROBE_MS: '10' })
      .ready();
    inject({ effect: { kind: 'http', status: 503, headers: { 'Retry-After': '2' } }, share: 1 });
    await addUploads(12);
    await worker.line(isQueuesHeld);
    const window = async (): Promise<string | null> =>
      await withQueue(world(), (redis, key) => redis.hget(key('vod-init:meta'), 'duration'));
    await expect.poll(window).toBe('2000');
  });
});
