import { resolve } from 'node:path';
import { loadConfig } from '../config.ts';
import type { QuotaLimits } from '../emulator/quota.ts';
import type { Emulator } from '../emulator/server.ts';
import { fields } from '../format.ts';
import { createLogger } from '../log.ts';
import { firstStopSignal } from '../stop-signals.ts';
import { type CliContext, EXIT } from './context.ts';
import { parseDuration, parseHttpUrl, parsePort, parseQuota } from './parse.ts';
import type { Definition } from './program.ts';

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
    -d '{"action":"TranscodeComplete","effect":{"kind":"lost"}}'
  curl -X POST http://127.0.0.1:9321/faults \\
    -d '{"action":"UploadPart","after":5,"share":1,"effect":{"kind":"gate","name":"sixth"}}'
  curl -X POST http://127.0.0.1:9321/gates -d '{"name":"sixth"}'
  curl http://127.0.0.1:9321/stats

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
    .option('--json', 'print where it listens as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(action((options) => runEmulator(options, context)));
}

async function runEmulator(options: EmulatorCommandOptions, context: CliContext): Promise<number> {
  const { quota, data, transcodeTime, ...given } = options;
  const { LOG_LEVEL, LOG_FORMAT } = context.env;
  const log = createLogger(loadConfig({ LOG_LEVEL, LOG_FORMAT }));
  const { startEmulator } = await import('../emulator/server.ts');
  const stopping = firstStopSignal();
  const dataDir = resolve(data);
  const emulator = await startEmulator({
    ...given,
    dataDir,
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
