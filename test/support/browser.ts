import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core';
import { afterAll, onTestFinished } from 'vitest';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/** It must not call home: tests see to it that pages don't, and couldn't tell its requests from theirs. */
const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-sync', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update'],
];

const program = (process.env.PATH ?? '')
  .split(delimiter)
  .concat('/usr/bin')
  .flatMap((dir) => PROGRAMS.map((name) => join(dir, name)))
  .find(isExecutable);

/** Whether tests that need a browser can run; where CI is set they must. For `describe.skipIf(!hasChromium)`. */
export const hasChromium = program !== undefined || Boolean(process.env.CI);

const launched: Browser[] = [];
// Of the test file that imports this one.
afterAll(async () => void (await Promise.all(launched.splice(0).map((browser) => browser.close()))));

/** The Chromium, or Chrome, of this machine, with nothing in its profile. It ends with the test file. */
export async function launchBrowser(): Promise<Browser> {
  if (program === undefined) throw new Error(`none of ${PROGRAMS.join(', ')} is on PATH`);
  const browser = await chromium.launch({ executablePath: program, args: QUIET });
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
