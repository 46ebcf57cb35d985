import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, onTestFinished } from 'vitest';
import { CHROMIUM, startChromium } from './chromium.ts';

/** Whether browser tests can run; in CI they must. For `describe.skipIf(!hasChromium)`. */
export const hasChromium = CHROMIUM !== undefined || Boolean(process.env.CI);

const launched: Browser[] = [];
// Applies to the test file that imports this one.
afterAll(async () => void (await Promise.all(launched.splice(0).map((browser) => browser.close()))));

/** Starts Chromium or Chrome with an empty profile. It ends with the test file. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await startChromium();
  launched.push(browser);
  return browser;
}

/** Like the timeout of `expect.poll`: only reached when the expected event never comes. */
const TIMEOUT_MS = 120_000;

/** Opens a context without cookies and storage; closed after the test. */
export async function openContext(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  onTestFinished(() => context.close());
  return context;
}
