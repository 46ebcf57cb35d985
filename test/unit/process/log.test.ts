import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ROOT } from '../../support/process.ts';

/** The log output of a child process that runs `logging`. */
function logged(logging: string, logFormat: 'json' | 'pretty' = 'json'): string {
  const program = `
    const { createLogger } = await import(${JSON.stringify(`${ROOT}src/process/log.ts`)});
    const log = createLogger({ logLevel: 'info', logFormat: '${logFormat}', logRedact: ['mine'] });
    ${logging}`;
  return execFileSync('sh', ['-c', '"$0" --input-type=module -e "$1" 2>&1', process.execPath, program], {
    encoding: 'utf8',
  });
}

function linesOf(logging: string): Record<string, unknown>[] {
  const output = logged(logging);
  expect(output).not.toMatch(/planted/);
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('secret fields are redacted at any depth, also in errors and lists', () => {
  const [line] = linesOf(`
    const error = Object.assign(new Error('refused'), { request: { options: { secretKey: 'planted1' } } });
    log.info({
      password: 'planted2',
      a: { b: { c: { password: 'planted3', kept: 1 } } },
      list: [{ deep: [{ SecretId: 'planted4', Signature: { value: 'planted5' } }] }],
      mine: ['planted6'],
      err: error,
    }, 'said');`);
  expect(line).toMatchObject({
    level: 'info',
    password: '[redacted]',
    a: { b: { c: { password: '[redacted]', kept: 1 } } },
    list: [{ deep: [{ SecretId: '[redacted]', Signature: '[redacted]' }] }],
    mine: '[redacted]',
    err: { message: 'refused', request: { options: { secretKey: '[redacted]' } } },
    msg: 'said',
  });
});

test('user and password of a URL are redacted, and nothing else', () => {
  const [line] = linesOf(`
    log.info({
      err: 'no way to redis://alice:planted1@10.0.0.1:6379,10.0.0.2/0 (asked by bob@example.com)',
      at: 'rediss://:pl@nted-planted2@host/1, then https://planted3:x@proxy',
      mail: 'see https://example.com/about or write to bob@example.com',
    }, 'connect http://planted4@proxy:3128 failed');`);
  expect(line).toMatchObject({
    err: 'no way to redis://[redacted]@10.0.0.1:6379,10.0.0.2/0 (asked by bob@example.com)',
    at: 'rediss://[redacted]@host/1, then https://[redacted]@proxy',
    mail: 'see https://example.com/about or write to bob@example.com',
    msg: 'connect http://[redacted]@proxy:3128 failed',
  });
});

test.each(['json', 'pretty'] as const)('names in a log line can’t control a terminal: %s', (format) => {
  const hostile = 'a\u001b[2Jb\u202ec\u009b2Jd\u2028e';
  const text = logged(
    `
    const text = ${JSON.stringify(hostile)};
    log.warn({ file: text, err: text }, 'hostile');`,
    format,
  );
  expect(text).not.toMatch(/[^\n\P{Cc}]|\p{Bidi_Control}|\u2028/u);
  expect(text).toMatch(/hostile/);
  if (format === 'json') expect(JSON.parse(text)).toMatchObject({ file: hostile, err: hostile });
});
