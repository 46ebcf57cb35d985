import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { FLUSH_TIMEOUT_MS } from '../../../src/telemetry/tracing.ts';
import { EXIT } from '../../../src/terminal/context.ts';
import { HAND_BACK_MS } from '../../../workers/shutdown.ts';
import { hasProgram } from '../../support/programs.ts';

const NAME = 'vod-upload-worker.service';
const unit = await readFile(`deploy/systemd/${NAME}`, 'utf8');

const settingOf = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];

test('it runs the command of the package itself, which gets the signals, and lets it drain', async () => {
  const [command = '', ...args] = settingOf('ExecStart')?.split(' ') ?? [];
  const { bin } = JSON.parse(await readFile('package.json', 'utf8'));
  expect([command.split('/').at(-1), ...args]).toEqual([Object.keys(bin)[0], 'worker']);
  // The default of systemd: SIGTERM, to all that is in the service.
  expect(unit).not.toMatch(/^Kill/m);
  const { shutdownTimeoutMs } = loadConfig({
    VOD_SECRET_ID: 'id',
    VOD_SECRET_KEY: 'key',
    SOURCE_ROOTS: '/srv',
  });
  const graceMs = Number(settingOf('TimeoutStopSec')) * 1000;
  expect(graceMs).toBeGreaterThan(shutdownTimeoutMs + HAND_BACK_MS + FLUSH_TIMEOUT_MS + 5000);
});

test('a mistake in the variables does not start it again and again', () => {
  expect(settingOf('RestartPreventExitStatus')).toBe(String(EXIT.usage));
});

test.skipIf(!hasProgram('systemd-analyze'))('systemd takes every line of it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vod-systemd-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const verify = async (text: string): Promise<string> => {
    await writeFile(join(directory, NAME), text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'));
    const verified = promisify(execFile)('systemd-analyze', ['verify', join(directory, NAME)]);
    const { stderr } = await verified.catch((error: { stderr: string }) => error);
    return stderr
      .split('\n')
      .filter((line) => line.includes(NAME))
      .join('\n');
  };
  expect(await verify(unit)).toBe('');
  expect(await verify(unit.replace('TimeoutStopSec', 'TimeoutStopSecs'))).toContain('TimeoutStopSecs');
});
