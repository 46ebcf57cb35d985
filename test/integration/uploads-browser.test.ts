import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { UploadOptions } from '../../src/index.ts';
import { hasChromium, launchBrowser, openContext } from '../support/browser.ts';
import { renewSpeed, seedParts, seedQueued } from '../support/seed.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const { world, source, inject, gate, stats } = useWorld();
const ops = useOps(world);

let browser: Browser;
beforeAll(async () => {
  if (hasChromium) browser = await launchBrowser();
});

/** Opens a page; after the test it is closed, and expected to be without errors. */
async function open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await openContext(browser, options);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (said) => {
    // Some tests open missing pages.
    const expected = said.text().startsWith('Failed to load resource');
    if (said.type() === 'error' && !expected) errors.push(said.text());
  });
  page.on('dialog', (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) errors.push(`asked for ${request.url()}`);
  });
  onTestFinished(() => expect(errors).toEqual([]));
  await page.goto(url);
  return page;
}

const inManyParts = async (name: string): Promise<UploadOptions> => ({
  source: await source(name, 40 * MIB),
  partSize: 524288,
});

/** Marks the loaded document; a reloaded one would not have the mark. */
const mark = (page: Page): Promise<void> => page.evaluate("document.documentElement.classList.add('marked')");
const isMarked = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>("document.documentElement.classList.contains('marked')");

const focused = (page: Page): Promise<string | null> =>
  page.evaluate<string | null>('document.activeElement?.textContent');

describe.skipIf(!hasChromium)('the table in a browser', () => {
  it('updates itself and keeps the focus', async () => {
    const parts = gate({ action: 'UploadPart', after: 20 });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const page = await open(`${ops().url}/uploads`);
    await page.getByText('No uploads yet').waitFor();
    await mark(page);
    const { id } = await world().uploads.add(await inManyParts('moving.mp4'));
    const row = page.locator(`#upload-${id}`);
    await row.getByRole('link', { name: 'moving.mp4' }).focus();
    const percent = () => row.locator('progress').getAttribute('value');
    await expect.poll(percent).toBe('25');
    parts.open(20);
    await expect.poll(percent).toBe('50');
    await expect
      .poll(async () => {
        await renewSpeed(world(), id);
        return await row.textContent();
      })
      .toMatch(/50.% · 20\.0.of.40\.0.MiB · [\d.]+.\w+\/s · [\d:]+.left/);
    parts.open();
    await row.getByText('completed').waitFor();
    expect(await focused(page)).toBe('moving.mp4');
    expect(await isMarked(page)).toBe(true);
  });

  it('cancels an upload', async () => {
    const parts = gate({ action: 'UploadPart' });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const { id } = await world().uploads.add({ source: await source('unwanted.mp4', 3 * MIB) });
    await parts.reached();
    const page = await open(`${ops().url}/uploads`);
    await page.getByRole('button', { name: 'Cancel unwanted.mp4' }).click();
    // Either cancelled or, before a worker has processed it, marked.
    await page.getByText(/^It is (cancelled|marked)/).waitFor();
    await page.getByRole('button', { name: 'Retry unwanted.mp4' }).waitFor();
    expect((await (await world().uploads.get(id))?.status())?.state).toBe('cancelled');
  });

  it('works without scripts', async () => {
    await seedQueued(world(), 60);
    const page = await open(`${ops().url}/uploads`, { javaScriptEnabled: false });
    await page.getByRole('link', { name: 'Next page' }).click();
    expect(await page.locator('tbody tr').count()).toBe(10);
    await page.getByRole('searchbox').fill('number 42');
    await page.getByRole('searchbox').press('Enter');
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('link', { name: /^queued/ }).click();
    await page.getByRole('button', { name: 'Cancel clip number 42.mp4' }).click();
    await page.getByText('Cancellation requested').waitFor();
    expect(new URL(page.url()).searchParams.get('search')).toBe('number 42');
    await page.getByRole('link', { name: 'clip number 42.mp4' }).click();
    await page.getByText('It is being cancelled').waitFor();
  });

  it('escapes markup in file names', async () => {
    const name = '<img src=x onerror=alert(1)>"\'.mp4';
    await world().uploads.add({ source: `/srv/${name}`, checkSource: false });
    const page = await open(`${ops().url}/uploads?search=${encodeURIComponent('<img src=x')}`);
    await page.getByRole('link', { name }).click();
    await page.getByRole('heading', { name }).waitFor();
    // Also in updates by the script.
    await page.reload({ waitUntil: 'load' });
    expect(await page.locator('img').count()).toBe(0);
  });

  it('sends no requests while it is hidden', async () => {
    const page = await open(`${ops().url}/uploads`);
    const isLive = (request: Request): boolean => request.url().endsWith('/uploads/live');
    await page.locator('#announcer').waitFor({ state: 'attached' });
    const becomes = (hidden: boolean): Promise<void> =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));`,
      );
    const [ended] = await Promise.all([page.waitForEvent('requestfailed', isLive), becomes(true)]);
    expect(ended.failure()?.errorText).toContain('ABORTED');
    await Promise.all([page.waitForRequest(isLive), becomes(false)]);
  });

  it('shows when it is disconnected', async () => {
    const leaving = await world().ops().ready();
    const page = await open(`${leaving.url}/uploads`);
    await page.getByText('No uploads yet').waitFor();
    await leaving.end('SIGTERM');
    await page.getByText('Not connected').waitFor();
  });
});

describe.skipIf(!hasChromium)('the page of an upload in a browser', () => {
  it('shows why an upload failed, and retries it by keyboard only', async () => {
    inject({
      action: 'UploadPart',
      effect: { kind: 'code', code: 4000, canRetry: 0, message: 'no such luck' },
      // The last part, so that no other is being sent when it fails.
      offset: 7 * MIB,
    });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const upload = await world().uploads.add({ source: await source('fails.mp4', 8 * MIB) });
    await expect(upload.result()).rejects.toMatchObject({ code: '4000' });
    expect(stats().parts.accepted).toBe(7);
    const page = await open(`${ops().url}/uploads?state=failed`);
    await page.locator('#live tr td').first().waitFor();
    // The skip link, navigation, search and states come before the link of the file.
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await tabTo(page, 'fails.mp4');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Why it failed' }).waitFor();
    await page.getByText('no such luck').first().waitFor();
    await page.getByText('What to do:').waitFor();
    expect(await page.locator('rect.part-failed').count()).toBe(2);
    world().emulator.control.resetStats();
    await tabTo(page, 'Retry fails.mp4');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'The video in VOD' }).waitFor();
    expect(stats().parts).toMatchObject({ accepted: 1, duplicates: 0 });
    const { url } = await upload.result();
    expect(await page.getByRole('link', { name: url ?? '(none)' }).getAttribute('rel')).toContain(
      'noreferrer',
    );
  });

  it('updates its parts', async () => {
    const parts = gate({ action: 'UploadPart', after: 20 });
    await world().worker({ PART_CONCURRENCY: '2' }).ready();
    const upload = await world().uploads.add(await inManyParts('parts.mp4'));
    await parts.reached(2);
    const page = await open(`${ops().url}/uploads/${upload.id}`);
    await mark(page);
    await page.getByRole('img', { name: '20 sent, 2 being sent, 58 waiting' }).waitFor();
    parts.open(20);
    await page.getByRole('img', { name: '40 sent, 2 being sent, 38 waiting' }).waitFor();
    expect(await page.locator('.strip .part-sending').count()).toBeGreaterThan(0);
    parts.open();
    await page.getByText('VOD has 80 of 80.').waitFor();
    expect(await isMarked(page)).toBe(true);
  });
});

/** Presses Tab until the element with this text has the focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    if ((await focused(page)) === text) return;
  }
  throw new Error(`no way by keyboard to ${text}`);
}

describe.skipIf(!hasChromium)('accessibility', () => {
  it('has no violations that axe finds, in light and dark, wide and narrow', async () => {
    const ids = await seedQueued(world(), 4);
    await seedParts(world(), ids[0] ?? '', { count: 100, sent: 40 });
    await world().uploads.cancel(ids[1] ?? '');
    for (const path of ['/uploads', `/uploads/${ids[0]}`, '/uploads?search=zebra', '/uploads/unknown']) {
      const page = await open(`${ops().url}${path}`);
      // Not added as a script element, which the page's policy would refuse.
      await page.evaluate(axe);
      for (const [colorScheme, width] of [
        ['light', 1280],
        ['dark', 390],
      ] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })");
        const found = violations.map(
          ({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`,
        );
        expect(found, `${path}, ${colorScheme}, ${width}`).toEqual([]);
        const sideways = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(sideways, `${path}, ${width}`).toBeLessThanOrEqual(0);
      }
    }
  });
});
