import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { VodUploads } from '../../src/index.ts';
import { startRestrictedRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

/** A Redis with an administrator and a user `uploads`, whose URL is in a file. */
async function startRotated() {
  const { port, admin } = await startRestrictedRedis({ prefix: world().prefix, password: 'first' });
  const urlOf = (password: string) => `redis://uploads:${password}@127.0.0.1:${port}`;
  const file = join(world().sources, `redis-url-${port}`);
  await writeFile(file, urlOf('first'));
  return {
    file,
    url: urlOf('first'),
    /** Its connections end, and the next must have this password. */
    rotate: async (password: string): Promise<void> => {
      await admin.acl('SETUSER', 'uploads', 'resetpass', `>${password}`);
      await admin.call('CLIENT', 'KILL', 'USER', 'uploads');
    },
    write: (password: string) => writeFile(file, urlOf(password)),
  };
}

const readiness = async (url: unknown) => (await fetch(`${url}/readyz`)).text();

test('a rotated password is read again from its file, by workers, ops and applications', async () => {
  const redis = await startRotated();
  const env = { REDIS_URL: '', REDIS_URL_FILE: redis.file };
  const [worker, ops] = await Promise.all([world().worker(env).ready(), world().ops(env).ready()]);
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  const uploads = new VodUploads({
    connection: redis.url,
    connectionFile: redis.file,
    prefix: world().prefix,
  });
  onTestFinished(() => uploads.close());
  const told: string[] = [];
  uploads.subscribe({
    consumer: 'rotated',
    onCompleted: ({ uploadId }) => told.push(uploadId),
    onError: () => {},
  });
  const ends: string[] = [];
  const uploadOne = async (name: string): Promise<void> => {
    // Of what was asked for while Redis had another password it is not known what became.
    const options = { source: await source(`${name}.mp4`, 10), key: name };
    await expect.poll(() => uploads.add(options).then(() => 'added', String)).toBe('added');
    const upload = await uploads.add(options);
    expect((await upload.result()).outcome).toBe('completed');
    ends.push(upload.id);
    await expect.poll(() => told).toEqual(ends);
  };
  await uploadOne('before');

  // The file comes late, as a secret that is mounted does.
  await redis.rotate('second');
  for (const [one, url] of [
    [worker, statusUrl],
    [ops, ops.url],
  ] as const) {
    const line = await one.line(({ msg }) => msg === 'redis refuses these credentials');
    expect(line).toMatchObject({
      reply: expect.stringMatching(/^WRONGPASS/),
      fix: expect.stringContaining('the file of REDIS_URL_FILE, which is read again automatically'),
    });
    expect(await readiness(url)).toMatch(/^Redis refuses these credentials \(WRONGPASS .*REDIS_URL_FILE/);
  }
  await redis.write('second');
  await uploadOne('file after');
  // The file comes first.
  await redis.write('third');
  await redis.rotate('third');
  await uploadOne('file before');
  for (const url of [statusUrl, ops.url]) await expect.poll(() => readiness(url)).toBe('ready\n');
  expect((await ops.end('SIGTERM')).code).toBe(0);
  expect((await worker.end('SIGTERM')).code).toBe(0);
  expect(worker.lines.filter(({ level, stage }) => level === 'warn' && stage !== undefined)).toEqual([]);
  for (const { output } of [worker, ops]) expect(output).not.toMatch(/uploads:(first|second|third)@/);
});

test('a worker whose password is in no file says what to do, and ends on SIGTERM', async () => {
  const redis = await startRotated();
  const worker = await world().worker({ REDIS_URL: redis.url, SHUTDOWN_TIMEOUT_MS: '500' }).ready();
  await redis.rotate('second');
  const line = await worker.line(({ msg }) => msg === 'redis refuses these credentials');
  expect(line.fix).toBe('Put the right user and password into REDIS_URL, and restart this process.');
  expect((await worker.end('SIGTERM')).code).toBe(0);
});
