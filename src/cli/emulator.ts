import { resolve } from 'node:path';
import { Option } from 'commander';
import { fields } from '../base/format.ts';
import { loadConfig } from '../config/config.ts';
import type { QuotaLimits } from '../emulator/protocol/quota.ts';
import { SIGNATURE_CODES, type SignatureCode } from '../emulator/protocol/signature.ts';
import type { Emulator } from '../emulator/server.ts';
import { createLogger } from '../process/log.ts';
import { firstStopSignal } from '../process/stop-signals.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';
import { parseDuration, parseHttpUrl, parsePort, parseQuota } from './parse.ts';

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
  curl -X POST http://127.0.0.1:9321/gates -d '{"name":"sixth"}'
  curl http://127.0.0.1:9321/stats

What a fault does to a request, by its kind:
  code            a reply with any code (4200, 4300, 4600, 5300, 6000, 6200, …), canRetry 0 or 1, message, headers
  http            a status from 300 to 599, with headers (Location, Retry-After, Date, …)
  html, empty     HTTP 200 with a page, or with nothing, instead of a reply
  truncated       half of the reply
  reset, hang     the connection ends without a reply, or stays without one
  latency, bandwidth, gate    it takes ms more, comes in by bytesPerSecond, or waits until the gate is opened
  damage          UploadPart keeps other bytes than came, and says nothing
  wrongMd5        InitUpload lists parts with the MD5 of other bytes, all or the one at offset
  unquotedFileId, noUrl, quirks    fileId as a number; no url; fields left out as in the document
  lost            of an event: it never comes
when is "before" (default) or "after" the effect; after, count, share and seed say which requests it hits, action,
offset and fileSha of which. strayPart is the action of an UploadPart of a file that no InitUpload has begun, as
workers send it to find out whether their key is right; statistics count it by that name, too.

It transcodes nothing, but emits the events of it, to be pulled and confirmed: NewFileUpload, TranscodeComplete, and
whatever is sent to its control port: -X POST /events -d '{"eventType":"Any","data":{"fileId":"1"}}'.

It prints the variables that a worker needs to use it. What it gets stays in its data directory.`;

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
  readonly json?: boolean;
}

/** `vod-upload emulator` */
export function defineEmulator({ command, action, context }: Definition): void {
  command('emulator')
    .description('run a VOD of your own, for development and tests')
    .option('--port <port>', 'of the API; 0 = any free one', parsePort, DEFAULTS.port)
    .option(
      '--control-port <port>',
      'of statistics, faults and quotas; 0 = any free one',
      parsePort,
      DEFAULTS.controlPort,
    )
    .option('--host <address>', 'address to listen on', DEFAULTS.host)
    .option('--public-url <url>', "what the urls of videos start with; default: the API's own address")
    .option('--data <directory>', 'where it keeps videos and state', DEFAULTS.data)
    .option(
      '--quota <limits>',
      'requests per minute, init,part,finish or by name, also convert, pull, confirm; default no limits',
      parseQuota,
    )
    .option('--transcode-time <time>', 'how long a transcoding takes; default 1s', parseDuration)
    .option('--callback-url <url>', 'where events are sent by HTTP as well; default nowhere', parseHttpUrl)
    .option('--secret-id <id>', 'the SecretId that it accepts', DEFAULTS.secretId)
    .option('--secret-key <key>', 'the key that belongs to it', DEFAULTS.secretKey)
    .addOption(
      new Option('--signature-code <code>', 'how the calls of an upload are refused whose key is wrong')
        .choices(SIGNATURE_CODES.map(String))
        .default(String(SIGNATURE_CODES[0])),
    )
    .option('--json', 'print where it listens as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(action((options) => runEmulator(options, context)));
}

async function runEmulator(options: EmulatorCommandOptions, context: CliContext): Promise<number> {
  const { quota, data, transcodeTime, signatureCode, ...given } = options;
  const { LOG_LEVEL, LOG_FORMAT } = context.env;
  const log = createLogger(loadConfig({ LOG_LEVEL, LOG_FORMAT }));
  const { startEmulator } = await import('../emulator/server.ts');
  const stopping = firstStopSignal();
  const dataDir = resolve(data);
  const emulator = await startEmulator({
    ...given,
    dataDir,
    signatureCode: Number(signatureCode) as SignatureCode,
    ...(transcodeTime !== undefined && { transcodeMs: transcodeTime }),
    ...(quota !== undefined && { quotaPerMinute: quota }),
    log: (values, message) => log.info(values, message),
  });
  context.out.write(describe(emulator, dataDir, options));
  await stopping.received;
  await emulator.close();
  return EXIT.done;
}

function describe({ url, controlUrl }: Emulator, dataDir: string, options: EmulatorCommandOptions): string {
  const { secretId, secretKey, json } = options;
  const variables = {
    VOD_ENDPOINT: url,
    VOD_EVENT_ENDPOINT: url,
    VOD_SECRET_ID: secretId,
    VOD_SECRET_KEY: secretKey,
  };
  if (json) return `${JSON.stringify({ url, controlUrl, dataDir, variables })}\n`;
  const assignments = Object.entries(variables).map(([name, value]) => `  ${name}=${value}\n`);
  const places = fields([
    ['API', url],
    ['control', `${controlUrl}  (GET /stats, POST /faults, POST /gates, POST /events, PUT /quota)`],
    ['data', dataDir],
  ]);
  return `VOD emulator\n${places}\nA worker uses it with:\n${assignments.join('')}\nCtrl-C ends it.\n`;
}
