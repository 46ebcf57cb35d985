import { resolve } from 'node:path';
import { Option } from 'commander';
import { formatFields } from '../base/columns.ts';
import { defined } from '../base/defined.ts';
import { loadConfig } from '../config/config.ts';
import { API3_VERSION } from '../emulator/protocol/api3-actions.ts';
import type { Api3QuotaLimits } from '../emulator/protocol/api3-quota.ts';
import type { CosAction } from '../emulator/protocol/cos-actions.ts';
import type { QuotaLimits } from '../emulator/protocol/quota.ts';
import { SIGNATURE_CODES, type SignatureCode } from '../emulator/protocol/signature-codes.ts';
import type { Emulator } from '../emulator/server.ts';
import { createLogger } from '../process/log.ts';
import { firstStopSignal } from '../process/stop-signals.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';
import { parseDuration, parseHttpUrl, parsePort, parseWholeNumber } from './parse.ts';
import { parseCosActions, parseQuota, parseQuotaPerSecond } from './parse-emulator.ts';

const DEFAULTS = {
  host: '127.0.0.1',
  port: 9320,
  controlPort: 9321,
  data: 'vod-emulator-data',
  secretId: 'AKIDemulator',
  secretKey: 'emulator-secret-key',
} as const;

const EXAMPLES = `
Examples:
  vod-upload emulator
  vod-upload emulator --port 0 --control-port 0 --data /tmp/vod
  vod-upload emulator --quota init=100,part=10000,finish=100
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"action":"UploadPart","count":3,"effect":{"kind":"code","code":-10005,"canRetry":1}}'
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"share":1,"effect":{"kind":"http","status":429,"headers":{"Retry-After":"30"}}}'
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"action":"TranscodeComplete","effect":{"kind":"lost"}}'
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"action":"UploadPart","after":5,"share":1,"effect":{"kind":"gate","name":"sixth"}}'
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"action":"CompleteMultipartUpload","effect":{"kind":"error","code":"InternalError","status":200}}'
  curl -X PUT http://127.0.0.1:9321/sessions -d '{"lifeSeconds":60,"expireAll":true}'
  curl -X POST http://127.0.0.1:9321/gates -d '{"name":"sixth"}'
  curl http://127.0.0.1:9321/stats

Effects of the fault kinds:
  code            a v2 reply with this code (4200, 4300, 4600, 5300, 6000, 6200, …), canRetry 0 or 1, message, headers
  error           an error of API 3.0 or COS with this code (InternalError, SlowDown, …), message, headers; status for COS
  http            a status from 300 to 599, with headers (Location, Retry-After, Date, …)
  html, empty     HTTP 200 with an HTML page, or with an empty body
  truncated       half of the reply
  reset, hang     the connection is reset, or stays open without a reply
  latency, bandwidth, gate    delay by ms, read at bytesPerSecond, or wait until the gate is opened
  damage          UploadPart or PutObject stores damaged bytes and reports success
  wrongMd5        InitUpload lists a wrong MD5 for all parts, or for the part at offset
  unquotedFileId, noUrl, quirks    fileId as a number; no url; fields missing as in the document
  lost            the event is never delivered
when is "before" (default) or "after" the request's effect. action, api (v2, api3, cos), offset, fileSha and partNumber
select requests; of these, after skips the first ones, count limits how many are hit, and share and seed hit a random
share. The action strayPart is an UploadPart of v2 of a file without an InitUpload, which workers send to check their
key; statistics use that name too.

One port serves v2, API 3.0 (a POST to / with X-TC-Action) and COS (a path that starts with the bucket's name, or a host
<bucket>.cos.<region>.…). It does not transcode, but emits events to be pulled and confirmed by either API: NewFileUpload,
TranscodeComplete, ProcedureStateChanged, and events sent to the control port:
-X POST /events -d '{"eventType":"Any","data":{"fileId":"1"}}'.

It prints the environment variables for a worker. It keeps its state in the data directory.`;

interface EmulatorCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly controlPort: number;
  readonly data: string;
  readonly quota?: QuotaLimits;
  readonly publicUrl?: string;
  readonly transcodeTime?: number;
  readonly callbackUrl?: string;
  readonly secretId: string;
  readonly secretKey: string;
  readonly signatureCode: string;
  readonly subAppId?: number;
  readonly quotaPerSecond?: Api3QuotaLimits;
  readonly sessionLife?: number;
  readonly secondCommit: 'same' | 'error';
  readonly pathMode?: boolean;
  readonly crc64: boolean;
  readonly deny?: readonly CosAction[];
  readonly json?: boolean;
}

/** `vod-upload emulator` */
export function defineEmulator({ command, action, context }: Definition): void {
  command('emulator')
    .description('run a local VOD emulator, for development and tests')
    .option('--port <port>', 'port of the API; 0: any free port', parsePort, DEFAULTS.port)
    .option(
      '--control-port <port>',
      'port for statistics, faults and quotas; 0: any free port',
      parsePort,
      DEFAULTS.controlPort,
    )
    .option('--host <address>', 'address to listen on', DEFAULTS.host)
    .option('--public-url <url>', "start of the urls of videos; default: the API's address")
    .option('--data <directory>', 'directory for videos and state', DEFAULTS.data)
    .option(
      '--quota <limits>',
      'requests per minute: init,part,finish or by name, also convert, pull, confirm; default: no limits',
      parseQuota,
    )
    .option('--transcode-time <time>', 'duration of a transcoding; default 1s', parseDuration)
    .option('--callback-url <url>', 'URL that events are also sent to; default: none', parseHttpUrl)
    .option('--secret-id <id>', 'accepted SecretId', DEFAULTS.secretId)
    .option('--secret-key <key>', 'accepted SecretKey', DEFAULTS.secretKey)
    .addOption(
      new Option('--signature-code <code>', 'error code of upload calls with a wrong key')
        .choices(SIGNATURE_CODES.map(String))
        .default(String(SIGNATURE_CODES[0])),
    )
    .option('--sub-app-id <id>', 'API 3.0: SubAppId that requests must have; default: any', parseWholeNumber)
    .option(
      '--quota-per-second <limits>',
      'API 3.0: requests per second by action, ApplyUpload=100,CommitUpload=100; default: no limits',
      parseQuotaPerSecond,
    )
    .option('--session-life <time>', 'API 3.0: life of credentials of ApplyUpload; default 2h', parseDuration)
    .addOption(
      new Option('--second-commit <answer>', 'API 3.0: answer to a second CommitUpload of a session')
        .choices(['same', 'error'])
        .default('error'),
    )
    .option('--path-mode', 'API 3.0: accept MediaStoragePath, as applications in path mode do')
    .option(
      '--deny <actions>',
      'COS: actions without rights, HeadObject,AbortMultipartUpload',
      parseCosActions,
    )
    .option('--no-crc64', 'COS: replies have no x-cos-hash-crc64ecma')
    .option('--json', 'print its addresses as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(action((options) => runEmulator(options, context)));
}

async function runEmulator(options: EmulatorCommandOptions, context: CliContext): Promise<number> {
  const { quota, data, transcodeTime, signatureCode, sessionLife, deny, ...given } = options;
  const { LOG_LEVEL, LOG_FORMAT } = context.env;
  const log = createLogger(loadConfig({ LOG_LEVEL, LOG_FORMAT }));
  const { startEmulator } = await import('../emulator/server.ts');
  const stopping = firstStopSignal();
  const dataDir = resolve(data);
  const emulator = await startEmulator({
    ...given,
    dataDir,
    signatureCode: Number(signatureCode) as SignatureCode,
    ...defined({
      transcodeMs: transcodeTime,
      quotaPerMinute: quota,
      deniedActions: deny,
      sessionLifeSeconds: sessionLife === undefined ? undefined : Math.ceil(sessionLife / 1000),
    }),
    log: (values, message) => log.info(values, message),
  });
  context.out.write(describe(emulator, dataDir, options));
  await stopping.received;
  await emulator.close();
  return EXIT.done;
}

function describe(emulator: Emulator, dataDir: string, options: EmulatorCommandOptions): string {
  const { url, api3Url, cosUrl, controlUrl } = emulator;
  const { secretId, secretKey, subAppId, json } = options;
  const keys = { VOD_SECRET_ID: secretId, VOD_SECRET_KEY: secretKey };
  const variables = { VOD_ENDPOINT: url, VOD_EVENT_ENDPOINT: url, ...keys };
  const api3Variables = {
    VOD_API: API3_VERSION,
    VOD_ENDPOINT: api3Url,
    VOD_COS_ENDPOINT: cosUrl,
    ...keys,
    ...(subAppId !== undefined && { VOD_SUB_APP_ID: String(subAppId) }),
  };
  if (json) return `${JSON.stringify({ url, controlUrl, dataDir, variables, api3Variables })}\n`;
  const addresses = formatFields([
    ['v2', url],
    ['API 3.0', api3Url],
    ['COS', cosUrl],
    ['control', `${controlUrl}  (GET /stats, POST /faults, /gates and /events, PUT /quota and /sessions)`],
    ['data', dataDir],
  ]);
  return [
    'VOD emulator',
    addresses,
    'Environment variables for a worker that uses v2:',
    assignments(variables),
    `Environment variables for a worker that uses API 3.0:`,
    assignments(api3Variables),
    'Ctrl-C stops it.\n',
  ].join('\n');
}

function assignments(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `  ${name}=${value}\n`)
    .join('');
}
