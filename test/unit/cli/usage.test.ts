import { describe, expect, test } from 'vitest';
import { UploaderError } from '../../../src/base/errors.ts';
import { reportError } from '../../../src/cli/errors.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { runCli } from '../../../src/cli/run.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { FAULT_KINDS } from '../../../src/emulator/control/fault-schema.ts';
import { RedisUnavailableError } from '../../../src/redis/errors.ts';
import { SourceError } from '../../../src/source/errors.ts';
import { Interrupted } from '../../../src/terminal/context.ts';
import { memoryContext } from './memory-output.ts';

const COMMANDS = createProgram(memoryContext(), () => {}).commands.map((command) => command.name());

describe('help', () => {
  test('lists all commands', () => {
    expect(COMMANDS).toEqual([
      'add',
      'status',
      'list',
      'retry',
      'cancel',
      'transcode',
      'worker',
      'limits',
      'ops',
      'emulator',
      'demo',
      'verify-account',
    ]);
  });

  test.each(COMMANDS)('%s --help has examples of the command', async (name) => {
    const context = memoryContext();
    expect(await runCli([name, '--help'], context)).toBe(0);
    expect(context.out.text).toContain(`Usage: vod-upload ${name}`);
    const examples = context.out.text.split('Examples:\n')[1] ?? '';
    expect(examples).toContain(`vod-upload ${name}`);
    expect(context.err.text).toBe('');
  });

  test('emulator --help names every kind of fault', async () => {
    const context = memoryContext();
    await runCli(['emulator', '--help'], context);
    for (const kind of FAULT_KINDS) expect(context.out.text).toMatch(new RegExp(`\\b${kind}\\b`));
  });

  test('examples only use existing options', () => {
    const program = createProgram(memoryContext(), () => {});
    for (const command of program.commands) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      const [, examples = ''] = help.split('Examples:\n');
      const options = [command, ...command.commands].flatMap((one) => one.options);
      const known = new Set(options.map(({ long }) => long ?? '').concat('--help'));
      for (const line of examples
        .split('\n')
        .filter((text) => text.startsWith(`  vod-upload ${command.name()}`))) {
        const own = line.split('|')[0] ?? '';
        for (const [option] of own.matchAll(/--[a-z-]+/g)) expect(known, line).toContain(option);
      }
    }
  });

  test.each([
    [{}, `SOURCE_ROOTS is not set: files must be inside the working directory, ${process.cwd()}, `],
    [{ SOURCE_ROOTS: '/srv/a:/srv/b' }, 'SOURCE_ROOTS=/srv/a:/srv/b: files must be inside these directories'],
  ])('add --help says in which directories files may be: %j', async (env, words) => {
    const context = memoryContext(env);
    await runCli(['add', '--help'], context);
    expect(context.out.text).toContain(words);
  });

  test('prints help, the version, and an error without a command', async () => {
    const context = memoryContext();
    expect(await runCli(['--help'], context)).toBe(0);
    for (const name of COMMANDS) expect(context.out.text).toContain(`\n  ${name}`);
    const version = memoryContext();
    expect(await runCli(['--version'], version)).toBe(0);
    expect(version.out.text).toMatch(/^\d+\.\d+\.\d+\n$/);
    const nothing = memoryContext();
    expect(await runCli([], nothing)).toBe(2);
    expect(nothing.err.text).toContain('Usage: vod-upload');
    expect(nothing.out.text).toBe('');
  });
});

describe('wrong usage exits with 2 and prints the reason on standard error', () => {
  test.each([
    [['bogus'], "unknown command 'bogus'"],
    [['add'], "missing required argument 'FILE'"],
    [['add', 'a.mp4', '--bogus'], "unknown option '--bogus'"],
    [['add', 'a.mp4', '--part-size', '3'], 'It must be a size from 512k to 5g'],
    [['add', 'a.mp4', '--delay', 'soon'], '10s, 5m or 2h'],
    [['add', 'a.mp4', '--name'], 'argument missing'],
    [['status'], "missing required argument 'ID'"],
    [['status', 'a', 'b'], 'too many arguments'],
    [['list', '--limit', 'x'], 'whole number'],
    [['emulator', '--port', '70000'], '0 to 65535'],
    [['emulator', '--quota', 'x'], 'init,part,finish'],
    [['emulator', '--quota-per-second', 'InitUpload=1'], 'ApplyUpload=100'],
    [['emulator', '--quota-per-second', 'ApplyUpload=1,ApplyUpload=2'], 'ApplyUpload=100'],
    [['emulator', '--deny', 'HeadObject,Other'], 'AbortMultipartUpload'],
    [['add', 'a.mp4', 'b.mp4', '--name', 'x'], '--name is for one file, and there are 2'],
    [['add', 'a.mp4', 'b.mp4', '--key', 'x'], '--key is for one file, and there are 2'],
    [['worker', '--stages', 'init,nope'], 'there is no stage "nope"'],
    [['limits', 'get'], "too many arguments for 'show'"],
    [
      ['limits', 'set', 'speed', '20M'],
      'Allowed choices are max-bytes-per-second, max-process-bytes-per-second',
    ],
    [['limits', 'set', 'part-slots'], "missing required argument 'VALUE'"],
    [['limits', 'set', 'part-slots', '20M'], 'part-slots: "20M" must be a whole number from 1 to 512'],
    [
      ['limits', 'set', 'max-bytes-per-second', '10K'],
      '"10K" must be bytes per second such as 20M or 512K, at least',
    ],
    [
      ['limits', 'set', 'max-bytes-per-second', '8-20=20M'],
      '"8-20=20M" must be like 08:00-20:00=VALUE, mon-fri',
    ],
    [['limits', 'set', 'part-slots', '8', '--time-zone', 'UTC'], '--time-zone is for a timetable such as'],
    [
      ['limits', 'set', 'part-slots', 'else=8', '--time-zone', 'X'],
      'part-slots: there is no time zone "X"; it must',
    ],
    [['limits', 'unset'], "missing required argument 'NAME'"],
  ])('%j', async (argv, words) => {
    const context = memoryContext({ VOD_SECRET_ID: 'x', VOD_SECRET_KEY: 'x' });
    expect(await runCli(argv, context)).toBe(2);
    expect(context.err.text).toMatch(/^vod-upload: /);
    expect(context.err.text).toContain(words);
    expect(context.out.text).toBe('');
  });

  test.each([
    [['--\u001b]0;title\u0007x'], "unknown option '--?]0;title?x'"],
    [['add', '--\u009b2Jx\u202e4pm'], "unknown option '--?2Jx?4pm'"],
    [['\u001b[2J'], "unknown command '?[2J'"],
    [['add', 'a.mp4', '--part-size', '\u001b[31m'], "argument '?[31m' is invalid"],
    [['worker', '--stages', '\u001b[2J'], 'there is no stage'],
  ])('escapes control characters of arguments: %j', async (argv, words) => {
    const context = memoryContext({ VOD_SECRET_ID: 'x', VOD_SECRET_KEY: 'x' });
    expect(await runCli(argv, context)).toBe(2);
    expect(context.err.text).toContain(words);
    expect(context.err.text).not.toMatch(/[^\n\P{Cc}]|\p{Bidi_Control}/u);
    expect(context.err.text).toMatch(/^vod-upload: .*\n/);
  });

  test('reports all problems of the configuration', async () => {
    const context = memoryContext({ REDIS_URL: 'x', LOG_LEVEL: 'loud' });
    expect(await runCli(['list'], context)).toBe(2);
    expect(context.err.text).toMatch(/REDIS_URL.*\n.*LOG_LEVEL/);
  });
});

describe('reportError', () => {
  test.each([
    [new ConfigError(['X must be y']), 2],
    [new SourceError('SOURCE_NOT_FOUND', 'x'), 2],
    [new SourceError('SOURCE_OUTSIDE_ROOTS', 'x'), 2],
    [new SourceError('SOURCE_READ_FAILED', 'x'), 1],
    [new UploaderError('NOT_FOUND', 'x'), 2],
    [new RedisUnavailableError('redis://h', 'is away'), 1],
    [new UploaderError('emulator_listen', 'x'), 1],
    [new Error('x'), 1],
    [new Interrupted('SIGINT', 'x'), 130],
    [new Interrupted('SIGTERM', 'x'), 143],
  ])('%s: %i', (error, exitCode) => expect(reportError(error, memoryContext())).toBe(exitCode));

  test('prints no stack unless LOG_LEVEL is debug', () => {
    const quiet = memoryContext();
    reportError(new TypeError('boom'), quiet);
    expect(quiet.err.text).toBe('vod-upload: unexpected error: boom (LOG_LEVEL=debug shows where)\n');
    const debug = memoryContext({ LOG_LEVEL: 'debug' });
    reportError(new TypeError('boom'), debug);
    expect(debug.err.text).toMatch(/boom\n(.|\n)*usage\.test\.ts/);
  });

  test('escapes control characters of messages', () => {
    const context = memoryContext();
    reportError(new UploaderError('X', 'a\u001b[2Jb'), context);
    expect(context.err.text).toBe('vod-upload: a?[2Jb\n');
  });
});
