import { createInterface } from 'node:readline/promises';
import { Option } from 'commander';
import { UploaderError } from '../base/errors.ts';
import { type Config, loadConfig, requireCredentials } from '../config/config.ts';
import { onStopSignals } from '../process/stop-signals.ts';
import { type CliContext, EXIT, Interrupted } from '../terminal/context.ts';
import { VOD_APIS, type VodApi } from '../vod/wire/protocol.ts';
import type { Definition } from './definition.ts';
import type { ApiReport } from './verify/verify.ts';

const EXAMPLES = `
Examples:
  vod-upload verify-account
  vod-upload verify-account --api 2018-07-17
  vod-upload verify-account --yes --json > report.json

It uploads one small video (1.5 MiB, vod-upload-worker-verify-…) by each API with the keys of the environment, and
reports what the documents of the service leave open: the life of credentials, rights, the answer to a second
CommitUpload and more. A point that fails does not stop the others. The report has no keys and no ids of the account, so
you can send it in. The videos stay in the account: delete them in the console of VOD, by the names or fileIds that it
prints at the end. It needs neither Redis nor a worker, and takes about a minute for each API.

It reads VOD_SECRET_ID and VOD_SECRET_KEY (or each with _FILE), VOD_ENDPOINT, VOD_COS_ENDPOINT, VOD_SUB_APP_ID and
VOD_REGION as a worker does. VOD_ENDPOINT is the endpoint of one API: if it is set, only that of VOD_API is used, unless
--api says otherwise.

Exit codes:
  0 each API took the upload   1 one did not   2 wrong usage or configuration   130 interrupted`;

interface VerifyOptions {
  readonly api?: VodApi;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `vod-upload verify-account` */
export function defineVerifyAccount({ command, action, context }: Definition): void {
  command('verify-account')
    .description('upload one small video with your keys, and report how the service answers')
    .addOption(new Option('--api <api>', 'only this API; default: both').choices(VOD_APIS))
    .option('--yes', 'upload without asking')
    .option('--json', 'print the report as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(action((options: VerifyOptions) => verifyAccount(options, context)));
}

async function verifyAccount(options: VerifyOptions, context: CliContext): Promise<number> {
  const { out, err } = context;
  const configs = configurations(options.api, context.env);
  for (const config of configs) requireCredentials(config);
  if (!options.yes) await askUser(configs, context);
  const { verifyApi } = await import('./verify/verify.ts');
  const stopping = new AbortController();
  const ignoreSignals = onStopSignals((name) => stopping.abort(new Interrupted(name, 'interrupted')));
  const reports: ApiReport[] = [];
  const text = options.json ? err : out;
  for (const config of configs) {
    if (stopping.signal.aborted) break;
    text.write(`\nVOD_API=${config.vod.api}\n`);
    const show = (label: string, answer: string): void => void text.write(`  ${label}: ${answer}\n`);
    reports.push(await verifyApi(config, show, stopping.signal));
  }
  ignoreSignals();
  if (options.json) {
    const sent = reports.map(({ left, ...report }) => ({ ...report, uploaded: left !== undefined }));
    out.write(`${JSON.stringify({ reports: sent })}\n`);
  }
  const left = reports.flatMap(({ left }) => left ?? []);
  if (left.length > 0) {
    const videos = left.map(({ name, fileId }) => `  ${name}  fileId ${fileId}\n`).join('');
    err.write(`\nLeft in the account; delete in the console of VOD, by fileId or name:\n${videos}`);
  }
  if (stopping.signal.aborted) throw stopping.signal.reason;
  return reports.every(({ left }) => left !== undefined) ? EXIT.done : EXIT.failed;
}

/** One for each API to verify. */
function configurations(api: VodApi | undefined, env: CliContext['env']): Config[] {
  const { vod } = loadConfig(env);
  // Never sends requests of one API to the endpoint of the other.
  const only = api ?? (env.VOD_ENDPOINT ? vod.api : undefined);
  const apis = only === undefined ? VOD_APIS : [only];
  return apis.map((each) => loadConfig({ ...env, VOD_API: each }));
}

/** @throws {UploaderError} if the user does not agree, or can't be asked */
async function askUser(configs: readonly Config[], { err }: CliContext): Promise<void> {
  const hosts = configs.map(({ vod }) => `${vod.api} at ${new URL(vod.endpoint).host}`).join(' and ');
  err.write(
    `This uploads a video of 1.5 MiB by ${hosts}, with the keys of the environment. It stays in the account as ` +
      `vod-upload-worker-verify-… until you delete it.\n`,
  );
  if (!process.stdin.isTTY) throw new UploaderError('CONFIG', 'not a terminal: add --yes to agree');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question('Upload? [y/N] ');
  asking.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new UploaderError('CONFIG', 'nothing was uploaded');
}
