import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../../src/cli/run.ts';
import { type EmulatorOptions, startEmulator } from '../../../src/emulator/server.ts';
import type { VodApi } from '../../../src/vod/wire/protocol.ts';
import { formsOf } from '../../support/leaks.ts';
import { secretsOfSessions } from '../../support/session-secrets.ts';
import { memoryContext } from './memory-output.ts';

const SECRET_ID = 'AKIDplanted0id0of0a0user';
const SECRET_KEY = 'planted0key0of0a0user';

async function start(options: Partial<EmulatorOptions> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'vod-verify-'));
  const emulator = await startEmulator({ dataDir, secretId: SECRET_ID, secretKey: SECRET_KEY, ...options });
  onTestFinished(async () => {
    await emulator.close();
    await rm(dataDir, { recursive: true });
  });
  const environments: Record<VodApi, Record<string, string>> = {
    v2: { VOD_ENDPOINT: emulator.url },
    '2018-07-17': {
      ...{ VOD_API: '2018-07-17', VOD_ENDPOINT: emulator.api3Url, VOD_COS_ENDPOINT: emulator.cosUrl },
    },
  };
  /** Runs the command, and checks that its output has no secret and no id of the account. */
  const verify = async (api: VodApi, env: Record<string, string> = {}, ...args: string[]) => {
    const context = memoryContext({
      ...{ VOD_SECRET_ID: SECRET_ID, VOD_SECRET_KEY: SECRET_KEY, ...environments[api], ...env },
    });
    const exitCode = await runCli(['verify-account', ...args], context);
    const { out, err } = context;
    const secrets = [SECRET_ID, SECRET_KEY, ...(await secretsOfSessions(dataDir))];
    for (const secret of secrets.flatMap(formsOf)) expect(out.text + err.text).not.toContain(secret);
    const { files } = emulator.control.stats();
    for (const { fileId } of files) expect(out.text).not.toContain(fileId);
    return { exitCode, out: out.text, err: err.text, files };
  };
  const json = async (api: VodApi, env: Record<string, string> = {}) => {
    const { out, ...rest } = await verify(api, env, '--yes', '--json');
    const { reports } = JSON.parse(out);
    expect(reports).toHaveLength(1);
    expect(reports[0].api).toBe(api);
    return { ...rest, ...reports[0] };
  };
  return { emulator, verify, json };
}

const REFUSED = (action: string, code: string) =>
  expect.stringMatching(new RegExp(`^no: ${action} refused with code ${code} `));

test('API 3.0: a report of each point, and what is left', async () => {
  const { json } = await start();
  const { exitCode, answers, uploaded, err, files } = await json('2018-07-17');
  expect(answers).toEqual({
    applyUpload: 'yes',
    clock: expect.stringMatching(/within 2 s|ahead of|behind/),
    credentialsLife: expect.stringMatching(/^7(19\d|20[01]) s$/),
    putObject: 'yes',
    initiate: 'yes',
    uploadPart: 'yes',
    partEtag: 'its MD5',
    partCrc64: 'yes, ours',
    listParts: 'yes, 2 of 2',
    listUploads: 'yes',
    abort: 'yes',
    newCredentials: REFUSED('UploadPart', 'AccessDenied'),
    complete: 'yes',
    completeCrc64: 'none',
    head: 'yes',
    headCrc64: 'yes, ours',
    commit: 'yes',
    url: 'http://127.0.0.1:<digits>/files/<digits>/f0.mp4',
    secondCommit: REFUSED('CommitUpload', 'InvalidParameterValue.VodSessionKey'),
    describe: 'yes',
    search: expect.stringMatching(/^found after \d+ s$/),
    searchWithoutName: 'found',
  });
  expect({ exitCode, uploaded }).toEqual({ exitCode: 0, uploaded: true });
  const [{ fileId, name } = { fileId: '', name: '' }] = files;
  expect(files).toHaveLength(1);
  expect(name).toMatch(/^vod-upload-worker-verify-[0-9a-f]{8}$/);
  expect(err).toMatch(new RegExp(`Left in the account; delete .*\\n {2}${name} {2}fileId ${fileId}\\n$`));
});

test('API 3.0: a service that decides the open points the other way', async () => {
  const { json } = await start({
    ...{ secondCommit: 'same', crc64: false, sessionLifeSeconds: 600, subAppId: 1400000001 },
    deniedActions: ['HeadObject', 'AbortMultipartUpload', 'ListMultipartUploads', 'ListParts', 'PutObject'],
  });
  const { exitCode, answers, files } = await json('2018-07-17', { VOD_SUB_APP_ID: '1400000001' });
  expect(answers).toMatchObject({
    credentialsLife: expect.stringMatching(/^(59\d|60[01]) s$/),
    putObject: REFUSED('PutObject', 'AccessDenied'),
    partCrc64: 'none',
    listParts: REFUSED('ListParts', 'AccessDenied'),
    listUploads: REFUSED('ListMultipartUploads', 'AccessDenied'),
    abort: REFUSED('AbortMultipartUpload', 'AccessDenied'),
    complete: 'yes',
    head: REFUSED('HeadObject', 'AccessDenied'),
    commit: 'yes',
    secondCommit: 'the same fileId',
  });
  expect(answers).not.toHaveProperty('headCrc64');
  expect({ exitCode, files: files.length }).toEqual({ exitCode: 0, files: 1 });
});

test('API 3.0: a CommitUpload without a reply, whose video is found', async () => {
  const { emulator, json } = await start();
  emulator.control.inject({ action: 'CommitUpload', count: 1, effect: { kind: 'reset', when: 'after' } });
  const { exitCode, answers, err, files } = await json('2018-07-17');
  expect(answers).toMatchObject({
    commit: expect.stringMatching(/^no: CommitUpload got no answer \(NETWORK\)/),
    search: expect.stringMatching(/^found after /),
  });
  expect(exitCode).toBe(0);
  expect(err).toContain(files[0]?.fileId);
});

test.each([
  ['a wrong key', { VOD_SECRET_KEY: 'planted0wrong0key' }, 'AuthFailure'],
  ['another application', { VOD_SUB_APP_ID: '1400000002' }, 'InvalidParameterValue.SubAppId'],
])('API 3.0: %s is reported, and nothing is left', async (_, env, code) => {
  const { verify, emulator } = await start({ subAppId: 1400000001 });
  const { exitCode, out, err, files } = await verify('2018-07-17', env, '--yes');
  expect(out).toMatch(new RegExp(`^\\nVOD_API=2018-07-17\\n {2}ApplyUpload answers: no: .* ${code}.*\\n$`));
  expect({ exitCode, err, files }).toEqual({ exitCode: 1, err: '', files: [] });
  expect(out).not.toMatch(/14000000|planted0wrong/);
  expect(emulator.control.stats().requests.ApplyUpload.total).toBe(1);
});

test('v2: a report of each point', async () => {
  const { json } = await start();
  const { exitCode, answers, files } = await json('v2');
  expect(answers).toEqual({
    initUpload: 'yes, created',
    uploadPart: 'yes',
    finishUpload: 'yes',
    url: 'http://127.0.0.1:<digits>/files/<digits>/f0.mp4',
    secondInit: 'exists, with the same fileId',
    secondFinish: 'yes, with the same fileId',
  });
  expect({ exitCode, files: files.length }).toEqual({ exitCode: 0, files: 1 });
});

test.each([
  [{ kind: 'code', code: 6100, canRetry: 0, message: `for ${SECRET_ID}` }, 'refused with code 6100'],
  [{ kind: 'http', status: 404 }, 'got no answer \\(HTTP_404\\)'],
] as const)('v2: a service that has retired it: %j', async (effect, text) => {
  const { emulator, verify } = await start();
  emulator.control.inject({ action: 'InitUpload', effect });
  const { exitCode, out, files } = await verify('v2', {}, '--yes');
  expect(out).toMatch(new RegExp(`^\\nVOD_API=v2\\n {2}InitUpload answers: no: InitUpload ${text}.*\\n$`));
  expect({ exitCode, files }).toEqual({ exitCode: 1, files: [] });
});

test('asks before it uploads, and says where it would', async () => {
  const { verify, emulator } = await start();
  const asked = await verify('v2', { VOD_ENDPOINT: '' });
  expect(asked).toMatchObject({ exitCode: 2, out: '', files: [] });
  expect(asked.err).toMatch(/v2 at vod2\.qcloud\.com and 2018-07-17 at vod\.tencentcloudapi\.com/);
  expect(asked.err).toMatch(/not a terminal: add --yes/);
  // The endpoint is that of one API.
  const { err } = await verify('2018-07-17');
  expect(err).toContain(`by 2018-07-17 at ${new URL(emulator.api3Url).host}, with the keys`);
  const without = await verify('v2', { VOD_SECRET_KEY: '' }, '--yes');
  expect(without.exitCode).toBe(2);
  expect(without.err).toContain('VOD_SECRET_KEY (or VOD_SECRET_KEY_FILE) is not set');
});
