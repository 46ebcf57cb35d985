import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { type PrometheusServer, startPrometheus } from '../../src/demo/prometheus.ts';
import { hasProgram } from '../support/programs.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;
/** Scrape interval. */
const OFTEN = { interval: 100 };

const { world, source, stats } = useWorld();

/** Response of Prometheus' HTTP API. */
async function ask(prometheus: PrometheusServer, path: string): Promise<unknown> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`);
  const { status, data } = (await response.json()) as { status: string; data: unknown };
  expect(status, path).toBe('success');
  return data;
}

/** Values of an instant query by the label that distinguishes its series. */
async function query(
  prometheus: PrometheusServer,
  expression: string,
  label = 'job',
): Promise<Record<string, number>> {
  const data = (await ask(prometheus, `query?query=${encodeURIComponent(expression)}`)) as {
    result: { metric: Record<string, string>; value: [number, string] }[];
  };
  return Object.fromEntries(data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]));
}

/** Output of `promtool check metrics`; empty: no errors. */
async function lint(url: string): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
}

describe.skipIf(!hasProgram('prometheus'))('a real Prometheus', () => {
  it('scrapes workers and ops, evaluates the rules, and alerts when no worker runs', async () => {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const [controlPort, partsPort, opsPort] = ports.map(String) as [string, string, string];
    const control = world().worker({ METRICS_PORT: controlPort }, ['--stages', 'upload,hash,init,finish']);
    const parts = world().worker({ METRICS_PORT: partsPort }, ['--stages', 'part']);
    const ops = world().ops({ OPS_PORT: opsPort });
    const targets = ports.map((port) => ({
      job: String(port) === opsPort ? 'vod-upload-ops' : 'vod-upload-worker',
      url: `http://127.0.0.1:${port}`,
    }));
    // Started first, because the first scrape takes a while.
    const prometheus = await startPrometheus({
      dir: join(world().sources, '..', 'prometheus'),
      targets,
      interval: '500ms',
    });
    if (prometheus === undefined) throw new Error('there was a prometheus a moment ago');
    onTestFinished(() => prometheus.stop());
    await Promise.all([control.ready(), parts.ready(), ops.ready()]);
    for (const { url } of targets) expect(await lint(url), url).toBe('');

    const path = await source('seen.mp4', 5 * MIB + 1);
    await (await world().uploads.add({ source: path })).result();
    await (await world().uploads.add({ source: path })).result();
    await expect
      .poll(() => query(prometheus, 'sum by (job) (up)'), OFTEN)
      .toEqual({ 'vod-upload-worker': 2, 'vod-upload-ops': 1 });
    await expect
      .poll(() => query(prometheus, 'sum by (outcome) (vod_uploads_total)', 'outcome'), OFTEN)
      .toEqual({ completed: 1, instant: 1, failed: 0, cancelled: 0 });
    // From another worker, which is scraped at another time.
    await expect
      .poll(() => query(prometheus, 'sum(vod_parts_total{outcome="ok"})'), OFTEN)
      .toEqual({ '': stats().parts.accepted });
    await expect
      .poll(() => query(prometheus, 'queue_state:vod_queue_jobs:max{queue="vod-upload"} > 0', 'state'), OFTEN)
      .toEqual({ completed: 2 });

    await Promise.all([control.end('SIGTERM'), parts.end('SIGTERM')]);
    await world().uploads.add({ source: path });
    const states = async () => {
      const { groups } = (await ask(prometheus, 'rules')) as {
        groups: {
          rules: { name: string; type: string; state?: string; health: string; lastError?: string }[];
        }[];
      };
      const rules = groups.flatMap((group) => group.rules);
      expect(rules.length).toBeGreaterThan(20);
      for (const { name, lastError } of rules) expect(lastError, name).toBeUndefined();
      return Object.fromEntries(rules.map(({ name, state }) => [name, state]));
    };
    await expect.poll(states, OFTEN).toMatchObject({
      VodUploadNoWorker: 'pending',
      VodUploadTargetDown: 'pending',
      VodUploadVodOut: 'inactive',
    });
  });
});
