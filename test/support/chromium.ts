import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Chromium itself sends no requests, so tests can see each request of a page. */
const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-sync', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update'],
];

/** Path of the Chromium, or Chrome, of this machine; undefined when there is none. */
export const CHROMIUM: string | undefined = (process.env.PATH ?? '')
  .split(delimiter)
  .concat('/usr/bin')
  .flatMap((dir) => PROGRAMS.map((name) => join(dir, name)))
  .find(isExecutable);

/** Starts {@link CHROMIUM} with an empty profile. @throws when there is none */
export async function startChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error(`none of ${PROGRAMS.join(', ')} is on PATH`);
  return await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
