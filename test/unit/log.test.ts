import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const HOSTILE = 'a\u001b[2Jb\u202ec\u009b2Jd\u2028e';

/** What another process logs, on its standard error. */
async function logged(logFormat: 'json' | 'pretty'): Promise<string> {
  const program = `
    import { createLogger } from './src/log.ts';
    const log = createLogger({ logLevel: 'info', logFormat: '${logFormat}', logRedact: [] });
    const text = ${JSON.stringify(HOSTILE)};
    log.warn({ file: text, err: text }, 'hostile');`;
  const run = promisify(execFile);
  return (await run(process.execPath, ['--input-type=module-typescript', '--eval', program])).stderr;
}

test.each(['json', 'pretty'] as const)('names in a log steer no terminal: %s', async (format) => {
  const text = await logged(format);
  expect(text).not.toMatch(/[^\n\P{Cc}]|\p{Bidi_Control}|\u2028/u);
  expect(text).toMatch(/hostile/);
  if (format === 'json') expect(JSON.parse(text)).toMatchObject({ file: HOSTILE, err: HOSTILE });
});
