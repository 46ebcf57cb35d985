import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startChild } from '../../src/demo/child.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { hasProgram } from '../support/programs.ts';
import { useWorld } from '../support/use-world.ts';
import type { OpsProcess } from '../support/world.ts';

const { world, source, inject, gate } = useWorld();

/** @param passed what of `/vod/…` goes on to ops: `/` takes it away, nothing leaves it. @returns nginx's origin */
async function startNginx(ops: OpsProcess, passed: '' | '/'): Promise<string> {
  const dir = join(world().sources, '..', `nginx-${await freePort()}`);
  await mkdir(dir);
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  const file = join(dir, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr notice; events {}
    http { access_log off; ${temporary.join(' ')}
      server { listen 127.0.0.1:${port};
        location /vod/ { proxy_pass ${new URL(ops.url).origin}${passed}; proxy_set_header Host $http_host; } } }`,
  );
  const args = ['-c', file, '-p', dir, '-e', 'stderr'];
  const nginx = await startChild({
    label: 'nginx',
    command: 'nginx',
    args,
    ready: /start worker|using the "/,
  });
  onTestFinished(() => nginx.stop());
  return `http://127.0.0.1:${port}`;
}

describe.skipIf(!hasChromium || !hasProgram('nginx'))('the pages behind nginx, at a path of it', () => {
  it.each([
    ['takes the path away', '/'],
    ['passes the path on', ''],
  ] as const)('work in a browser when it %s', async (_, passed) => {
    const ops = await world().ops({ OPS_BASE_PATH: '/vod' }).ready();
    await world().worker().ready();
    inject({ action: 'InitUpload', effect: { kind: 'code', code: -10003, canRetry: 0, message: 'no' } });
    const upload = await world().uploads.add({
      source: await source(`failing${passed}.mp4`.replace('/', ''), 1000),
    });
    await upload.result().catch(() => {});
    const origin = await startNginx(ops, passed);
    const browser = await launchBrowser();
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const held = gate({ action: 'InitUpload' });

    await page.goto(`${origin}/vod/uploads`);
    await page.getByRole('link', { name: /^failing/ }).click();
    await page.getByRole('button', { name: /Retry/ }).click();
    await held.reached();
    // By itself: what is sent to an open page goes through nginx as well.
    await expect.poll(() => page.locator('#live').textContent()).toContain('initializing');
    held.open();
    await expect.poll(() => page.locator('#live').textContent()).toContain('completed');
    await page.getByRole('link', { name: 'Queues' }).click();
    await page.getByRole('link', { name: '1 Uploads' }).click();
    await page.goto(`${origin}/vod/dashboard/queue/vod-upload?status=completed`);
    await page.getByRole('heading', { name: /failing.*completed/ }).waitFor();
    for (const url of asked) expect(url.startsWith(`${origin}/vod/`), url).toBe(true);
  });
});
