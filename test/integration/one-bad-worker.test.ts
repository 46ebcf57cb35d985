import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { VodUploads } from '../../src/index.ts';
import { grantDocumentedRights, startRedis } from '../support/redis.ts';
import { testRefusedKey } from '../support/refused-key.ts';
import { useWorld } from '../support/use-world.ts';

describe('a key that is refused with -10002', () => testRefusedKey(-10002));

describe('a Redis user without the right to TIME', () => {
  const { world, source } = useWorld();

  it('gets a worker that says what it can not do, and carries out uploads', async () => {
    const { port } = await startRedis({});
    const admin = new Redis({ port });
    onTestFinished(() => admin.disconnect());
    await grantDocumentedRights(admin, { prefix: world().prefix, password: 'p' });
    await admin.acl('SETUSER', 'uploads', '-time');
    const worker = await world()
      .worker({ REDIS_URL: `redis://uploads:p@127.0.0.1:${port}` })
      .ready();
    expect(await worker.line(({ msg }) => String(msg).includes('+time'))).toMatchObject({ level: 'warn' });
    const uploads = new VodUploads({ connection: `redis://127.0.0.1:${port}`, prefix: world().prefix });
    onTestFinished(() => uploads.close());
    const upload = await uploads.add({ source: await source('no-time.mp4', 1000) });
    expect((await upload.result()).outcome).toBe('completed');
  });
});

describe('a worker that calls no VOD', () => {
  const { world } = useWorld();

  it('checks no key, and needs none', async () => {
    const env = { VOD_SECRET_ID: '', VOD_SECRET_KEY: '' };
    const worker = await world().worker(env, ['--stages', 'upload,hash,webhook']).ready();
    expect(worker.output).not.toMatch(/key (accepted|refused|not checked)/);
    expect(await worker.metric('vod_accounts')).toBe(0);
  });
});
