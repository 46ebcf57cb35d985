import type { ServerResponse } from 'node:http';

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
