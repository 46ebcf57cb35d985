import type { Browser, ConsoleMessage, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launchBrowser, openContext } from '../support/browser.ts';
import { renewSpeed } from '../support/seed.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats } = useWorld();
const ops = useOps(world, { OPS_USERS: 'alice:secret' });

/** Bull Board asks every 5 s, unless its user has set another time. */
const OFTEN = `localStorage.setItem('board-settings', '{"state":{"pollingInterval":0.5},"version":2}')`;

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await launchBrowser();
});

/** A page of somebody who has logged in, and what it asked for and complained of. */
async function open(url: string): Promise<{ page: Page; asked: string[]; complaints: string[] }> {
  const credentials = { httpCredentials: { username: 'alice', password: 'secret' } };
  const context = await openContext(browser, credentials);
  await context.addInitScript(OFTEN);
  const asked: string[] = [];
  const complaints: string[] = [];
  context.on('request', (request) => asked.push(request.url()));
  const page = await context.newPage();
  page.on('console', (said: ConsoleMessage) => {
    if (said.type() === 'error') complaints.push(said.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  expect((await page.goto(url))?.status()).toBe(200);
  return { page, asked, complaints };
}

/** Presses the button of a job that has this icon, and confirms. */
async function press(page: Page, icon: string): Promise<void> {
  await page.locator(`[class*=jobActions] .lucide-${icon}`).first().click();
  await page.getByRole('button', { name: 'Confirm' }).click();
}

describe.skipIf(!hasChromium)('Bull Board, in a browser', () => {
  it('shows stage, progress and speed, and cancels an upload', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const upload = await world().uploads.add({ source: await source('launch.mp4', 20 * MIB) });
    const { page, asked, complaints } = await open(`${ops().url}/dashboard`);
    await page.getByRole('link', { name: '1 Uploads' }).click();
    const name = page.getByRole('heading', { name: 'launch.mp4' });
    await expect.poll(() => name.textContent()).toMatch(/ {2}5\.0 of 20\.0 MiB/);
    // A speed is between two amounts.
    parts.open(5);
    await expect
      .poll(async () => {
        await renewSpeed(world(), upload.id);
        return await name.textContent();
      })
      .toMatch(/^launch\.mp4 — uploading {2}50 % {2}10\.0 of 20\.0 MiB {2}[\d.]+ \w+\/s {2}[\d:]+ left$/);

    await page.getByText(upload.id).click();
    await page.getByRole('tab', { name: 'Progress' }).click();
    await expect.poll(() => page.locator('body').textContent()).toMatch(/stage: ?"uploading"/);
    await page.getByRole('tab', { name: 'Logs' }).click();
    await page.getByText('sending 20 of 20 parts').waitFor();

    await press(page, 'trash-2');
    await expect.poll(async () => (await upload.status()).state).toBe('cancelled');
    await page.getByText('cancelled on request [CANCELLED, retryable]').first().waitFor();
    const pressed = await ops().line(({ path }) => String(path).includes(upload.id));
    expect(pressed).toMatchObject({ msg: 'button pressed', user: 'alice', status: 204 });
    expect(new Set(asked.map((url) => new URL(url).origin))).toEqual(new Set([ops().url]));
    expect(complaints).toEqual([]);
  });

  it('tells why an upload failed, and retries it to its end', async () => {
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const effect = { kind: 'code', code: -10006, canRetry: 0 } as const;
    // The last one, so that nothing is under way when it fails.
    inject({ action: 'UploadPart', offset: 5 * MIB, effect });
    const upload = await world().uploads.add({ source: await source('failing.mp4', 6 * MIB) });
    await expect(upload.result()).rejects.toThrow();
    expect(stats().parts.accepted).toBe(5);
    const { page, complaints } = await open(`${ops().url}/dashboard/queue/vod-upload?status=failed`);
    await page.getByText(/UploadPart refused with code -10006/).waitFor();
    await press(page, 'refresh-cw');
    await expect.poll(async () => (await upload.status()).state).toBe('completed');
    expect(stats().parts).toMatchObject({ accepted: 6, duplicates: 0 });
    await page.goto(`${ops().url}/dashboard/queue/vod-upload?status=completed`);
    await page.getByText('failing.mp4 — completed').waitFor();
    expect(complaints).toEqual([]);
  });

  it('tells why a button does not do what it says', async () => {
    await world().uploads.add({ source: await source('waiting.mp4', MIB) });
    const { page } = await open(`${ops().url}/dashboard/queue/vod-upload`);
    await page.locator('.lucide-ellipsis-vertical').last().click();
    await page.getByRole('menuitem', { name: 'Empty' }).click();
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText('It would remove jobs that uploads wait for.').waitFor();
    expect(await world().uploads.list()).toHaveLength(1);
  });

  it('has no buttons with OPS_READ_ONLY', async () => {
    const { url } = await world().ops({ OPS_USERS: 'alice:secret', OPS_READ_ONLY: '1' }).ready();
    await world().uploads.add({ source: await source('waiting.mp4', MIB) });
    const { page, complaints } = await open(`${url}/dashboard/queue/vod-upload?status=prioritized`);
    await page.getByRole('heading', { name: 'waiting.mp4' }).waitFor();
    expect(await page.locator('.lucide-trash-2').count()).toBe(0);
    expect(complaints).toEqual([]);
  });
});
