import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { verifyWebhook, type WebhookPayload } from '../../src/index.ts';

/** `whsec_` and 24 bytes. Tests search for these secrets where they must not appear. */
export const WEBHOOK_SECRET = `whsec_${Buffer.from('planted0webhook0secret01').toString('base64')}`;
export const NEW_WEBHOOK_SECRET = `whsec_${Buffer.from('planted0webhook0secret02').toString('base64')}`;

/** Response of a receiver: a status, a status with headers, or a function. */
export type Answer = number | { readonly status: number; readonly headers: Record<string, string> } | Respond;
type Respond = (response: ServerResponse) => void;

/** A webhook receiver on this machine. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** Requests with a valid signature, in order of arrival. */
  readonly requests: {
    readonly payload: WebhookPayload;
    readonly status: number | undefined;
    readonly path: string;
  }[];
  /** Event type and upload id of each request answered with 204. */
  accepted(): string[];
  /** Reasons why requests were refused. */
  readonly refused: string[];
  readonly connections: number;
  /** Sets the responses to the next requests; later requests get the default again. */
  answer(...answers: Answer[]): void;
  /** Refuses connections until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
}

/** @param options.usual the default response; default 204 */
export async function startReceiver(
  options: { readonly secret?: string; readonly path?: string; readonly usual?: () => Answer } = {},
): Promise<Receiver> {
  const { secret = WEBHOOK_SECRET, path = '/hook', usual = () => 204 } = options;
  const answers: Answer[] = [];
  let port = 0;
  let connections = 0;
  const requests: Receiver['requests'] = [];
  const refused: string[] = [];
  const server = createServer(async (request, response) => {
    let payload: WebhookPayload;
    try {
      payload = verifyWebhook({ headers: request.headers, body: await buffer(request), secrets: [secret] });
    } catch (error) {
      refused.push((error as Error).message);
      response.writeHead(400).end();
      return;
    }
    const answer = answers.shift() ?? usual();
    const status =
      typeof answer === 'number' ? answer : typeof answer === 'object' ? answer.status : undefined;
    requests.push({ payload, status, path: request.url ?? '' });
    if (typeof answer === 'function') answer(response);
    else response.writeHead(status ?? 0, typeof answer === 'object' ? answer.headers : {}).end();
  });
  server.on('connection', () => connections++);
  const open = (): Promise<void> =>
    new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  const close = (): Promise<void> =>
    new Promise((resolve) => void server.close(() => resolve()).closeAllConnections());
  await open();
  port = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    port,
    requests,
    accepted: () =>
      requests
        .filter(({ status }) => status === 204)
        .map(({ payload: { type, data } }) => `${type} ${data.uploadId}`),
    refused,
    get connections() {
      return connections;
    },
    answer: (...more) => void answers.push(...more),
    close,
    open,
  };
}
