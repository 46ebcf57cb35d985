import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import type { VodSession } from '../../src/emulator/state/vod-sessions.ts';
import { QUEUES } from '../../src/queue/names.ts';
import { everythingBelow, everythingIn, everythingOf, formsOf, titlesOf } from '../support/leaks.ts';
import { startProducer } from '../support/producer.ts';
import { startReceiver, WEBHOOK_SECRET } from '../support/receiver.ts';
import { startRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';

const MIB = 2 ** 20;

const { world, source, inject, gate, stats } = useWorld({ api: '2018-07-17' });

/** What ApplyUpload returned, from the emulator's journal. */
async function sessions(): Promise<VodSession[]> {
  const journal = await readFile(join(world().sources, '..', 'vod', 'vod-sessions'), 'utf8');
  const lines = journal.trim().split('\n');
  return lines.flatMap((line) => (JSON.parse(line) as { session?: VodSession }).session ?? []);
}

test.each(['json', 'pretty'])(
  'no secret of a session appears anywhere, at LOG_LEVEL=trace and LOG_FORMAT=%s',
  async (format) => {
    const { port, dir } = await startRedis({
      ...{ appendonly: 'yes', appendfsync: 'always', rdbcompression: 'no' },
    });
    const redisUrl = `redis://127.0.0.1:${port}`;
    const receiver = await startReceiver();
    const uploads = startProducer(world(), redisUrl);
    const found: Record<string, string> = {};
    const ops = world().ops({ REDIS_URL: redisUrl, LOG_LEVEL: 'trace' });
    await ops.ready();
    const worker = world().worker({
      ...{ REDIS_URL: redisUrl, LOG_LEVEL: 'trace', LOG_FORMAT: format, PART_ATTEMPTS: '9' },
      ...{ WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' },
    });
    await expect.poll(() => worker.output).toContain('worker is ready');
    const redis = new Redis(redisUrl);

    // While the session is in Redis: its parts wait.
    const parts = gate({ action: 'UploadPart', after: 2 });
    const path = await source(`open-${format}.mp4`, 6 * MIB);
    const open = await uploads.add({ source: path, partSize: MIB, key: 'open' });
    await parts.reached(4);
    found['redis in mid-upload'] = await everythingIn(redis);
    expect(found['redis in mid-upload']).toContain(`open-${format}.mp4`);
    for (const page of [
      ...['uploads', `uploads/${open.id}`, 'metrics'],
      ...Object.values(QUEUES).map(
        (queue) => `dashboard/api/queues?activeQueue=${queue}&page=1&jobsPerPage=20`,
      ),
    ]) {
      found[page] = await (await fetch(`${ops.url}/${page}`)).text();
    }
    expect(found[`uploads/${open.id}`]).toContain(`open-${format}.mp4`);
    expect(found[`dashboard/api/queues?activeQueue=${QUEUES.part}&page=1&jobsPerPage=20`]).toContain(open.id);
    world().emulator.control.setSessions({ expireAll: true });
    parts.open();
    expect((await open.result()).outcome).toBe('completed');

    // Every kind of bad reply, to every request.
    for (const action of ['ApplyUpload', 'InitiateMultipartUpload', 'UploadPart', 'CommitUpload'] as const) {
      inject({ action, effect: { kind: 'html' } });
      inject({ action, effect: { kind: 'error', code: 'InternalError', message: 'a message' } });
    }
    inject({ action: 'CompleteMultipartUpload', effect: { kind: 'reset', when: 'after' } });
    inject({ action: 'HeadObject', effect: { kind: 'http', status: 502 } });
    const bumpy = await uploads.add({ source: await source(`bumpy-${format}.mp4`, 2 * MIB), partSize: MIB });
    found['result of a bumpy upload'] = everythingOf(await bumpy.result());
    world().emulator.control.clearFaults();

    for (const [index, fault] of [
      { action: 'ApplyUpload', effect: { kind: 'error', code: 'InvalidParameterValue', message: 'bad' } },
      { action: 'PutObject', effect: { kind: 'error', code: 'EntityTooLarge', message: 'too large' } },
      { action: 'CommitUpload', effect: { kind: 'error', code: 'MissingParameter' }, count: 30 },
    ].entries()) {
      inject(fault as Parameters<typeof inject>[0]);
      const failing = await uploads.add({
        source: await source(`failing-${format}-${index}.mp4`, 1000 + index),
      });
      found[`error of failed upload ${index}`] = everythingOf(await failing.result().catch((error) => error));
      found[`status of failed upload ${index}`] = everythingOf(await failing.status());
      found[`details of failed upload ${index}`] = everythingOf(await uploads.details(failing.id));
      found[`page of failed upload ${index}`] = await (
        await fetch(`${ops.url}/uploads/${failing.id}`)
      ).text();
      expect(found[`status of failed upload ${index}`]).toContain('failed');
      world().emulator.control.clearFaults();
    }

    await expect.poll(() => receiver.accepted().length).toBeGreaterThanOrEqual(5);
    found.webhooks = everythingOf(receiver.requests);
    found['redis at the end'] = await everythingIn(redis);
    redis.disconnect();
    found['files of redis'] = await everythingBelow(dir);
    const [, statusUrl] = /statusUrl\W+(http:\/\/[\d.]+:\d+)/.exec(worker.output) ?? [];
    found['metrics of the worker'] = await (await fetch(`${statusUrl}/metrics`)).text();
    expect(found['metrics of the worker']).toContain('vod_uploads_total');
    found.titles = await titlesOf(worker.pid);
    await worker.end('SIGTERM');
    found['output of the worker'] = worker.output;
    found['output of ops'] = ops.output;
    await uploads.close();

    const made = await sessions();
    expect(made.length).toBeGreaterThan(4);
    expect(stats().requests.ApplyUpload.total).toBeGreaterThan(4);
    const secrets = [SECRET_KEY, SECRET_ID].concat(
      made.flatMap(({ key, credentials: { secretId, secretKey, token } }) => [
        key,
        secretId,
        secretKey,
        token,
      ]),
    );
    for (const [place, text] of Object.entries(found)) {
      for (const secret of secrets.flatMap(formsOf))
        expect(text.includes(secret), `${secret} in ${place}`).toBe(false);
      expect(/q-signature=(?!\[)\w|TC3-HMAC-SHA256 Credential/.exec(text)?.[0], place).toBeUndefined();
    }
  },
);
