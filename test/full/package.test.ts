import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoggedProcess, ROOT } from '../support/process.ts';
import { useWorld } from '../support/use-world.ts';

const run = promisify(execFile);

const { world, source } = useWorld();

/** An application's folder with the package, as it would be published, in its node_modules. */
let app: string;
let installed: string;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'vod-app-'));
  installed = join(app, 'node_modules', 'vod-upload-worker');
  await mkdir(installed, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', app], { cwd: ROOT });
  const archive = join(app, stdout.trim().split('\n').at(-1) ?? '');
  await run('tar', ['-xzf', archive, '--strip-components=1', '-C', installed]);
  await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
});
afterAll(() => rm(app, { recursive: true, force: true }));

describe('the built package', () => {
  it('runs a worker, and the README’s own example as an application', async () => {
    const worker = world().worker({}, [], join(installed, 'dist/workers/main.js'));
    await worker.ready();
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
    const path = await source('launch.mp4', 3_000_000);
    const code = example
      .replace("'redis://127.0.0.1:6379'", JSON.stringify(world().redisUrl))
      .replace('connection:', `prefix: ${JSON.stringify(world().prefix)}, connection:`)
      .replace('/srv/videos/launch.mp4', path);
    await writeFile(
      join(app, 'app.mts'),
      `${code}
const { state } = await upload.status();
console.log(JSON.stringify({ fileId, url, state }));
await uploads.close();
`,
    );
    const application = new LoggedProcess([join(app, 'app.mts')], {});
    expect((await application.exited).code).toBe(0);
    const printed = JSON.parse(application.output) as Record<string, string>;
    expect(printed).toMatchObject({ state: 'completed', fileId: expect.stringMatching(/^\d{19}$/) });
    const bytes = Buffer.from(await (await fetch(printed.url ?? '')).arrayBuffer());
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('serves the pages with all that they load', async () => {
    const ops = world().ops({}, join(installed, 'dist/src/cli.js'));
    await ops.ready();
    const text = await (await fetch(`${ops.url}/uploads`)).text();
    const paths = [...text.matchAll(/(?:href|src)="(\/uploads\/assets\/[^"]+)"/g)].map(([, path]) => path);
    expect(paths).toHaveLength(3);
    for (const path of paths) expect((await fetch(`${ops.url}${path}`)).status).toBe(200);
    expect(await ops.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('has a command line', async () => {
    const cli = join(installed, 'dist/src/cli.js');
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect((await run(process.execPath, [cli, '--version'])).stdout.trim()).toBe(version);
    expect(await readFile(cli, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});
