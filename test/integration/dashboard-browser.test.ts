import type { ConsoleMessage, Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium, launchBrowser } from '../support/browser.ts';
import { useWorld } from '../support/use-world.ts';
import type { OpsProcess } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, stats, slowParts } = useWorld();

/** A page of somebody who has logged in, and what it asked for and complained of. */
async function open(ops: OpsProcess): Promise<{ page: Page; asked: string[]; complaints: string[] }> {
  const browser = await launchBrowser();
  const credentials = { httpCredentials: { username: 'alice', password: 'secret' } };
  const context = await browser.newContext({ ...credentials, viewport: { width: 1280, height: 900 } });
  onTestFinished(() => context.close());
  const asked: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => asked.push(request.url()));
  const page = await context.newPage();
  page.on('console', (said: ConsoleMessage) => {
    if (/^(error|warning)$/.test(said.type())) complaints.push(said.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  expect((await page.goto(`${ops.url}/dashboard`))?.status()).toBe(200);
  return { page, asked, complaints };
}

/** Presses the button of a job that has this icon, and confirms. */
async function press(page: Page, icon: string): Promise<void> {
  await page.locator(`[class*=jobActions] .lucide-${icon}`).first().click();
  await page.getByRole('button', { name: 'Confirm' }).click();
}

describe.skipIf(!hasChromium)('Bull Board, in a browser', { timeout: 240_000 }, () => {
  it('shows stage, progress and speed, and cancels an upload', async () => {
    const ops = await world().ops({ OPS_USERS: 'alice:secret' }).ready();
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    slowParts(300);
    const upload = await world().uploads.add({ source: await source('launch.mp4', 200 * MIB) });
    const { page, asked, complaints } = await open(ops);
    await page.getByRole('link', { name: '1 Uploads' }).click();
    const name = page.getByRole('heading', { name: 'launch.mp4' });
    await expect
      .poll(() => name.textContent(), { timeout: 30_000 })
      .toMatch(/^launch\.mp4 — uploading {2}\d+ % {2}[\d.]+ of 200\.0 MiB {2}[\d.]+ MiB\/s {2}\d:\d\d left$/);

    await page.getByText(upload.id).click();
    await page.getByRole('tab', { name: 'Progress' }).click();
    await expect.poll(() => page.locator('body').textContent()).toMatch(/stage: ?"uploading"/);
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByText('sending 200 of 200 parts').waitFor();

    await press(page, 'trash-2');
    await expect.poll(async () => (await upload.status()).state).toBe('cancelled');
    await page.getByText('cancelled on request [CANCELLED, retryable]').first().waitFor();
    const pressed = ops.lines.find(({ msg }) => msg === 'button pressed');
    expect(pressed).toMatchObject({ user: 'alice', status: 204, path: expect.stringContaining(upload.id) });
    expect(new Set(asked.map((url) => new URL(url).origin))).toEqual(new Set([ops.url]));
    expect(complaints).toEqual([]);
  });

  it('tells why an upload failed, and retries it to its end', async () => {
    const ops = await world().ops({ OPS_USERS: 'alice:secret' }).ready();
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const effect = { kind: 'code', code: -10006, canRetry: 0 } as const;
    inject({ action: 'UploadPart', offset: 3 * MIB, effect });
    const upload = await world().uploads.add({ source: await source('failing.mp4', 6 * MIB) });
    await expect(upload.result()).rejects.toThrow();
    expect(stats().parts.accepted).toBeLessThan(6);
    const { page, complaints } = await open(ops);
    await page.goto(`${ops.url}/dashboard/queue/vod-upload?status=failed`);
    await page.getByText(/UploadPart refused with code -10006/).waitFor();
    await press(page, 'refresh-cw');
    await expect.poll(async () => (await upload.status()).state).toBe('completed');
    expect(stats().parts).toMatchObject({ accepted: 6, duplicates: 0 });
    await page.goto(`${ops.url}/dashboard/queue/vod-upload?status=completed`);
    await page.getByText('failing.mp4 — completed').waitFor();
    expect(complaints).toEqual([]);
  });

  it('tells why a button does not do what it says', async () => {
    const ops = await world().ops({ OPS_USERS: 'alice:secret' }).ready();
    await world().uploads.add({ source: await source('waiting.mp4', MIB) });
    const { page } = await open(ops);
    await page.goto(`${ops.url}/dashboard/queue/vod-upload`);
    await page.locator('.lucide-ellipsis-vertical').last().click();
    await page.getByRole('menuitem', { name: 'Empty' }).click();
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('It would take jobs away that uploads wait for.').waitFor();
    expect(await world().uploads.list()).toHaveLength(1);
  });

  it('has no buttons with OPS_READ_ONLY', async () => {
    const ops = await world().ops({ OPS_USERS: 'alice:secret', OPS_READ_ONLY: '1' }).ready();
    await world().uploads.add({ source: await source('waiting.mp4', MIB) });
    const { page, complaints } = await open(ops);
    await page.goto(`${ops.url}/dashboard/queue/vod-upload?status=prioritized`);
    await page.getByRole('heading', { name: 'waiting.mp4' }).waitFor();
    expect(await page.locator('.lucide-trash-2').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
