import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';
import { buildImage, CAN_BUILD, Container, type Image, type RunOptions } from './tools.ts';

const MIB = 2 ** 20;
const NODE_OPTIONS = '--max-old-space-size-percentage=75';
/** Parts that a worker sends at a time. */
const SLOTS = 16;

const { world, source, gate, download, stats } = useWorld();
const containers: Container[] = [];
let image: Image;

beforeAll(async () => {
  if (!CAN_BUILD) return;
  image = await buildImage();
  process.stderr.write(`image: ${mib(image.bytes)}, of which ${mib(image.ownBytes)} are not the base's\n`);
}, 900_000);
afterEach(async () => {
  await Promise.all(containers.splice(0).map((container) => container.remove()));
});
afterAll(async () => image?.remove());

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

async function start(options: RunOptions): Promise<Container> {
  const container = await Container.start(options);
  containers.push(container);
  return container;
}

/** Runs it to its end. */
async function run(options: RunOptions): Promise<{ exitCode: number; output: string }> {
  const container = await start(options);
  return { exitCode: await container.exitCode(), output: await container.output() };
}

/** What JavaScript prints, as JSON, when the container's own Node runs it. */
async function evaluate(script: string, options: Partial<RunOptions> = {}): Promise<unknown> {
  const args = ['--eval', `console.log(JSON.stringify(${script}))`];
  const { output } = await run({ entrypoint: 'node', args, ...options });
  return JSON.parse(output);
}

/** Starts a program of the image that has a port for metrics and health, and waits until it is ready. */
async function startReady(options: RunOptions & { portVariable: string }): Promise<Container> {
  const port = await freePort();
  const { redisUrl, prefix } = world();
  const env = {
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: prefix,
    NODE_OPTIONS,
    [options.portVariable]: String(port),
    ...options.env,
  };
  const container = await start({ ...options, env });
  const ready = async (): Promise<number> =>
    await fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(ready).toBe(200);
  return container;
}

async function startWorker(stages: string, memoryMiB: number): Promise<Container> {
  const { sources, emulator } = world();
  const env = {
    VOD_ENDPOINT: emulator.url,
    VOD_SECRET_ID: SECRET_ID,
    VOD_SECRET_KEY: SECRET_KEY,
    SOURCE_ROOTS: sources,
    REQUIRE_DURABLE_REDIS: '1',
    PART_CONCURRENCY: String(SLOTS),
    // Longer than podman can take to tell that it drains.
    SHUTDOWN_TIMEOUT_MS: '600000',
  };
  const args = ['worker', '--stages', stages];
  return await startReady({ args, env, memoryMiB, readable: sources, portVariable: 'METRICS_PORT' });
}

describe.skipIf(!CAN_BUILD)('the image', () => {
  it('says what it is, and is not too large', () => {
    expect(image.config.User).toBe('65532:65532');
    expect(image.config.Entrypoint).toEqual(['node', '/app/dist/src/cli.js']);
    expect(image.config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'vod-upload-worker',
      'org.opencontainers.image.revision': image.revision,
    });
    expect(image.ownBytes).toBeLessThan(100 * MIB);
  });

  it('has the command line, by itself and on PATH', async () => {
    const help = await run({ args: ['--help'] });
    expect(help).toMatchObject({ exitCode: 0, output: expect.stringContaining('carry out uploads') });
    expect(await run({ entrypoint: 'vod-upload', args: ['--help'] })).toEqual(help);
    expect((await run({ args: ['worker', '--stages', 'none'] })).exitCode).toBe(2);
  });

  it('runs as nobody, and can change nothing', async () => {
    expect(await evaluate('[process.getuid(), process.getgid(), process.pid]')).toEqual([65532, 65532, 1]);
    const write = `['/', '/app/', '/tmp/', '/srv/videos/', '/data/'].map((dir) => {
      try { fs.writeFileSync(dir + 'x', ''); return dir; } catch (error) { return error.code; } })`;
    expect(await evaluate(write)).toEqual(Array(5).fill('EROFS'));
    const development = `['typescript', 'vitest', 'node'].filter((name) => fs.existsSync('/app/node_modules/' + name))`;
    expect(await evaluate(development)).toEqual([]);
  });

  it('gives its heap three quarters of the memory that the container may have', async () => {
    const script = `[process.constrainedMemory(), v8.getHeapStatistics().heap_size_limit].map((n) => n / 2 ** 20)`;
    const [memory, heap] = (await evaluate(script, { memoryMiB: 512, env: { NODE_OPTIONS } })) as [
      number,
      number,
    ];
    expect(memory).toBe(512);
    expect(heap).toBeGreaterThan(0.74 * 512);
    expect(heap).toBeLessThan(0.8 * 512);
  });

  it('uploads a video, with stages and memory as in Kubernetes', async () => {
    const [control, hash, parts] = await Promise.all([
      startWorker('upload,init,finish', 384),
      startWorker('hash', 384),
      startWorker('part', 512),
    ]);
    const path = await source('film.mp4', 150 * MIB);
    const { url } = await (await world().uploads.add({ source: path })).result();
    expect((await download(url)).equals(await readFile(path))).toBe(true);
    for (const [name, container, limitMiB] of [
      ['control', control, 384],
      ['hash', hash, 384],
      ['parts', parts, 512],
    ] as const) {
      const peakMiB = await container.peakMiB();
      process.stderr.write(`${name}: ${peakMiB} MiB at most, of ${limitMiB}\n`);
      expect(await container.stop(), name).toBe(0);
    }
  });

  it('drains at SIGTERM as process 1, and another one goes on', async () => {
    await startWorker('upload,hash,init,finish', 384);
    const parts = await startWorker('part', 512);
    const held = gate({ action: 'UploadPart', after: 5 });
    const upload = await world().uploads.add({ source: await source('launch.mp4', 40 * MIB) });
    await held.reached(SLOTS);
    const stopped = parts.stop();
    await expect.poll(() => parts.output()).toContain('"msg":"draining"');
    held.open();
    expect(await stopped).toBe(0);
    expect(await parts.output()).toContain('"drained":true');
    // What was under way has ended, and little more.
    const { accepted } = stats().parts;
    expect(accepted).toBeGreaterThanOrEqual(5 + SLOTS);
    expect(accepted).toBeLessThan(40);
    await startWorker('part', 512);
    expect((await upload.result()).outcome).toBe('completed');
  });

  it('has ops', async () => {
    const env = { OPS_HOST: '0.0.0.0', OPS_USERS: 'alice:secret' };
    const ops = await startReady({ args: ['ops'], env, portVariable: 'OPS_PORT' });
    expect(await ops.stop()).toBe(0);
  });

  it('has an emulator, which may write to a new volume', async () => {
    const [port, controlPort] = [await freePort(), await freePort()].map(String);
    const args = ['emulator', '--data', '/data', '--port', `${port}`, '--control-port', `${controlPort}`];
    const emulator = await start({ args, writable: '/data' });
    const answers = async (): Promise<boolean> =>
      await fetch(`http://127.0.0.1:${controlPort}/stats`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(answers).toBe(true);
    expect(await emulator.stop()).toBe(0);
  });
});
