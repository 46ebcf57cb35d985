import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { useWorld } from '../support/use-world.ts';
import { WorkerProcess } from '../support/world.ts';

const { world, source } = useWorld();

/** Uploads that fail at once, and of which each line of the log is long. */
async function logMuch(uploads: number): Promise<void> {
  const folder = 'd'.repeat(200);
  const missing = join(world().sources, ...Array<string>(15).fill(folder), 'missing.mp4');
  const added = await world().uploads.addMany(
    [...Array(uploads).keys()].map(() => ({ source: missing, checkSource: false })),
  );
  for (const upload of added) await expect(upload.result()).rejects.toThrow('missing.mp4');
}

async function metric(statusUrl: string, name: string): Promise<number> {
  return sumOf(parseMetrics(await (await fetch(`${statusUrl}/metrics`)).text()), name);
}

test('a worker whose log nobody reads goes on, and tells how many lines were dropped when somebody does', async () => {
  const worker = await world().worker().ready();
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  worker.child.stderr?.pause();
  await logMuch(200);
  const upload = await world().uploads.add({ source: await source('unread.mp4', 100) });
  expect((await upload.result()).outcome).toBe('completed');
  expect((await fetch(`${statusUrl}/healthz`)).status).toBe(200);
  const dropped = await metric(`${statusUrl}`, 'vod_log_lines_dropped_total');
  expect(dropped).toBeGreaterThan(0);

  worker.child.stderr?.resume();
  const told = await worker.line(({ msg }) => msg?.startsWith('log lines were dropped') === true);
  expect(told).toMatchObject({ level: 'warn', lines: expect.any(Number) });
  expect(told.lines).toBeGreaterThanOrEqual(dropped);
  // What is logged from then on is complete again, to the last line.
  expect((await worker.end('SIGTERM')).code).toBe(0);
  expect(worker.lines.at(-1)).toMatchObject({ msg: 'worker has stopped' });
});

test('SIGTERM ends a worker whose log nobody reads, which is a pipe that others hold open', async () => {
  const fifo = join(world().sources, 'log.fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = await open(fifo, 'r+');
  onTestFinished(() => reader.close());
  const port = await freePort();
  const worker = new WorkerProcess(
    ['-c', 'exec "$0" workers/main.ts 2> "$1"', process.execPath, fifo],
    { ...world().workerEnvironment, METRICS_PORT: String(port) },
    'sh',
  );
  onTestFinished(() => worker.end().then(() => {}));
  await logMuch(200);
  const statusUrl = `http://127.0.0.1:${port}`;
  expect((await fetch(`${statusUrl}/healthz`)).status).toBe(200);
  expect(await metric(statusUrl, 'vod_log_lines_dropped_total')).toBeGreaterThan(0);
  const exited = once(worker.child, 'exit');
  worker.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});
