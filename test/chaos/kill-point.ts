import type { ConnectionObserver } from '../support/proxy.ts';
import { RespStream, wordsOf } from './resp.ts';

export type Side = 'before' | 'after';

/** `before`: before the request is forwarded. `after`: after its reply has been received. */
export interface KillPointOptions {
  /** Number of the request, from 1, counted since `arm`. */
  readonly at: number;
  readonly side: Side;
  /** Kills the process. What has not been forwarded by then never is. */
  readonly kill: () => void;
}

/** Counts the requests of one process over all its connections, and kills it at one of them. */
export class KillPoint {
  /** Number of requests seen. */
  count = 0;
  /** Name of the request at which the process was killed. */
  struck: string | undefined;
  readonly #options: KillPointOptions;
  #armed = false;

  constructor(options: KillPointOptions) {
    this.#options = options;
  }

  arm(): void {
    this.#armed = true;
  }

  /** For a proxy to Redis. */
  redis(): ConnectionObserver {
    const commands = new RespStream();
    const replies = new RespStream();
    /** The commands whose replies are still missing. */
    const asked: (string | undefined)[] = [];
    return {
      onUpstream: (bytes) => {
        const passed: Buffer[] = [];
        for (const command of commands.push(bytes)) {
          const label = redisLabel(command);
          const fatal = label !== undefined && this.#arrives(label);
          if (this.struck !== undefined) break;
          asked.push(fatal ? label : undefined);
          passed.push(command);
        }
        return Buffer.concat(passed);
      },
      onDownstream: (bytes) => {
        for (const _ of replies.push(bytes)) {
          const label = asked.shift();
          if (label !== undefined) this.#strike(label);
        }
        return bytes;
      },
    };
  }

  /** For a proxy to VOD: one request at a time on each connection. */
  vod(): ConnectionObserver {
    let asked: { readonly label: string; readonly fatal: boolean } | undefined;
    let reply = '';
    return {
      onUpstream: (bytes) => {
        if (this.struck !== undefined) return Buffer.alloc(0);
        if (asked !== undefined) return bytes;
        const label = vodAction(bytes) ?? 'unknown';
        asked = { label, fatal: this.#arrives(label) };
        return this.struck === undefined ? bytes : Buffer.alloc(0);
      },
      onDownstream: (bytes) => {
        reply += bytes.toString('latin1');
        const [head = '', body] = reply.split('\r\n\r\n', 2);
        const hasBody = asked?.label !== 'HeadObject';
        const length = hasBody ? Number(/content-length: (\d+)/i.exec(head)?.[1]) : 0;
        if (body === undefined || body.length < length) return bytes;
        reply = '';
        if (asked?.fatal) this.#strike(asked.label);
        asked = undefined;
        return bytes;
      },
    };
  }

  /** @returns whether to kill at the reply to this request */
  #arrives(label: string): boolean {
    if (!this.#armed || this.struck !== undefined || ++this.count !== this.#options.at) return false;
    if (this.#options.side === 'after') return true;
    this.#strike(label);
    return false;
  }

  #strike(label: string): void {
    if (this.struck !== undefined) return;
    this.struck = label;
    this.#options.kill();
  }
}

/**
 * The action of the request to any of the APIs that starts with these bytes; `check` for one that only checks the key.
 */
export function vodAction(bytes: Buffer): string | undefined {
  const head = bytes.toString('latin1', 0, 4096);
  const [, query = '', action] = /^(?:GET|POST) (\S*[?&]Action=(\w+)\S*)/.exec(head) ?? [];
  if (action === 'UploadPart' && query.includes('&dataSize=0&')) return 'check';
  return action ?? /^POST \/ .*^x-tc-action: (\w+)/ims.exec(head)?.[1] ?? cosAction(head);
}

/** By method and query, in the order in which they are matched. */
const COS_ACTIONS: readonly (readonly [action: string, request: RegExp])[] = [
  ['InitiateMultipartUpload', /^POST \S+\?uploads /],
  ['CompleteMultipartUpload', /^POST \S+\?uploadId=/],
  ['UploadPart', /^PUT \S+[?&]partNumber=/],
  ['PutObject', /^PUT [^?\s]+ /],
  ['ListMultipartUploads', /^GET \S+\?(\S+&)?uploads[& ]/],
  ['ListParts', /^GET \S+[?&]uploadId=/],
  ['AbortMultipartUpload', /^DELETE \S+[?&]uploadId=/],
  ['HeadObject', /^HEAD /],
];

function cosAction(head: string): string | undefined {
  return COS_ACTIONS.find(([, request]) => request.test(head))?.[0];
}

/** Name of a command; undefined for the regular checks of stalled jobs and holds, which are no steps of an upload. */
function redisLabel(command: Buffer): string | undefined {
  const [name = '', ...words] = wordsOf(command);
  // EVALSHA sha numkeys key …
  const key = words.find((word) => word.startsWith('{')) ?? '';
  const [, queue = '', ...rest] = key.split(':');
  if (rest[0] === 'stalled' || /^vod-(hold|api-hold|accounts)$/.test(queue)) return undefined;
  return `${name.toLowerCase()} ${queue}${rest.length > 0 ? `:${rest.join(':')}` : ''}`;
}
