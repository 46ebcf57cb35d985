/** Replies of API 3.0: always HTTP 200, errors too. */
import { randomUUID } from 'node:crypto';

/** Thrown for a refused request; sent as the reply's `Error`. */
export class Api3Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'Api3Refusal';
    this.code = code;
  }
}

export function api3Text(fields: object): string {
  return JSON.stringify({ Response: { ...fields, RequestId: randomUUID() } });
}

export function api3ErrorText(code: string, message: string): string {
  return api3Text({ Error: { Code: code, Message: message } });
}
