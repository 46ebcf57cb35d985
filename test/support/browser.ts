import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, onTestFinished } from 'vitest';
import { CHROMIUM, startChromium } from './chromium.ts';

/** Whether tests that need a browser can run; where CI is set they must. For `describe.skipIf(!hasChromium)`. */
export const hasChromium = CHROMIUM !== undefined || Boolean(process.env.CI);

const launched: Browser[] = [];
// Of the test file that imports this one.
afterAll(async () => void (await Promise.all(launched.splice(0).map((browser) => browser.close()))));

/** The Chromium, or Chrome, of this machine, with nothing in its profile. It ends with the test file. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await startChromium();
  launched.push(browser);
  return browser;
}

/** As long as `expect.poll` waits: it ends only a test whose awaited event never comes. */
const AWAITED_MS = 120_000;

/** A window of somebody who was never here before; it is closed with the test. */
export async function openContext(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(AWAITED_MS);
  onTestFinished(() => context.close());
  return context;
}
