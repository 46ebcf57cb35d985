import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** Tests in a browser are left out where there is none; not where everything is to be tested. */
export const hasChromium: boolean = existsSync(CHROMIUM) || Boolean(process.env.CI);

/** A real browser, which asks nobody for anything by itself. */
export async function launchBrowser(): Promise<Browser> {
  const quiet = ['quic', 'background-networking', 'component-update', 'sync'].map(
    (name) => `--disable-${name}`,
  );
  return await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', ...quiet, '--no-first-run'],
  });
}
