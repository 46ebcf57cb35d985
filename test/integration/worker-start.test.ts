import { describe, expect, it } from 'vitest';
import { startProducer } from '../support/producer.ts';
import { startRestrictedRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';

describe('a Redis user without the right to TIME', () => {
  const { world, source } = useWorld();

  it('is refused by a worker, which needs it to keep the quotas', async () => {
    const { admin, url } = await startRestrictedRedis({ prefix: world().prefix, password: 'p' });
    await admin.acl('SETUSER', 'uploads', '-time');
    const worker = world().worker({ REDIS_URL: url, VOD_QUOTA_INIT_PER_MINUTE: '100' });
    expect(await worker.exited).toMatchObject({ code: 2 });
    expect(worker.output).toContain('grant +time');
  });

  it('gets a worker without quotas that warns about the missing right, and processes uploads', async () => {
    const { port, admin, url } = await startRestrictedRedis({ prefix: world().prefix, password: 'p' });
    await admin.acl('SETUSER', 'uploads', '-time');
    const worker = await world().worker({ REDIS_URL: url }).ready();
    expect(await worker.line(({ msg }) => String(msg).includes('+time'))).toMatchObject({ level: 'warn' });
    const uploads = startProducer(world(), `redis://127.0.0.1:${port}`);
    const upload = await uploads.add({ source: await source('no-time.mp4', 1000) });
    expect((await upload.result()).outcome).toBe('completed');
  });
});

describe('a worker without VOD calls', () => {
  const { world } = useWorld();

  it('checks no key and needs none', async () => {
    const env = { VOD_SECRET_ID: '', VOD_SECRET_KEY: '' };
    const worker = await world().worker(env, ['--stages', 'upload,hash,webhook']).ready();
    expect(worker.output).not.toMatch(/key (accepted|refused|not checked)/);
    expect(await worker.metric('vod_accounts')).toBe(0);
  });
});
