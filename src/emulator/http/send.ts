import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export function sendJson(response: ServerResponse, text: string, status = 200): void {
  send(response, status, 'application/json', text);
}

/** @param headers override the response's own */
export function send(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const own = { 'content-type': `${type}; charset=utf-8`, 'content-length': Buffer.byteLength(text) };
  for (const [name, value] of Object.entries({ ...own, ...headers })) response.setHeader(name, value);
  response.writeHead(status).end(text);
}

/** @param headers must have `content-length` */
export async function sendStream(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Readable,
): Promise<void> {
  response.writeHead(status, headers);
  await pipeline(body, response);
}
