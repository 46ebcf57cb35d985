/** Sends the answer to a request, or what a fault turns it into. */
import type { ServerResponse } from 'node:http';
import { send } from '../http/send.ts';
import type { Outcome } from './fault-schema.ts';

const HTML = '<html><head><title>Gateway</title></head><body><h1>Bad gateway</h1></body></html>\n';

/** The answer of any of the APIs. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Its name in the statistics. */
  readonly result: string;
  /** Sends the answer in place of the fields above. */
  readonly stream?: (response: ServerResponse) => Promise<void>;
}

/** Whether the fault replaces the request's effect. */
export function replacesEffect(outcome: Outcome | undefined): boolean {
  switch (outcome?.kind) {
    case 'code':
      return true;
    case 'error':
    case 'http':
    case 'html':
    case 'empty':
    case 'reset':
    case 'hang':
      return outcome.when !== 'after';
    default:
      return false;
  }
}

/**
 * Ends the request with `answer`, changed by a fault that is the same in all APIs.
 *
 * @returns the result's name in the statistics
 */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  outcome: Outcome | undefined,
): Promise<string> {
  switch (outcome?.kind) {
    case 'reset':
      response.socket?.resetAndDestroy();
      return 'reset';
    case 'hang':
      return 'hang';
    case 'http':
      send(response, outcome.status, 'text/html', HTML, outcome.headers);
      return `http ${outcome.status}`;
    case 'html':
      send(response, 200, 'text/html', HTML);
      return 'html';
    case 'empty':
      send(response, 200, answer.type, '');
      return 'empty';
    case 'truncated':
      send(
        response,
        answer.status,
        answer.type,
        answer.text.slice(0, answer.text.length / 2),
        answer.headers,
      );
      return 'truncated';
    default:
      if (answer.stream === undefined)
        send(response, answer.status, answer.type, answer.text, answer.headers);
      else await answer.stream(response);
      return answer.result;
  }
}
