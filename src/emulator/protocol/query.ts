/** Parses a query string as tolerantly as the service, because its official clients encode differently. */
import { Refusal } from './reply.ts';

/** Decoded values by parameter name. */
export type Params = ReadonlyMap<string, string>;

/**
 * A `%` that starts no escape is kept, and `+` is a plus (a space is sent as `%20`).
 *
 * @param rawQuery ASCII: node:http rejects anything else
 * @throws {Refusal} 4000 for a duplicate name, because it is unclear which value was signed.
 */
export function parseQuery(rawQuery: string): Params {
  const params = new Map<string, string>();
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (params.has(name)) throw new Refusal(4000, `parameter ${name} is given twice`);
    params.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return params;
}

function decode(raw: string): string {
  if (!raw.includes('%')) return raw;
  const bytes = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
