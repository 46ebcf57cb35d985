/**
 * Reads a query string the way the service does: tolerant, because its official clients don't all encode alike.
 */
import { Refusal } from './reply.ts';

/** Parameter names to values, decoded. */
export type Params = ReadonlyMap<string, string>;

/**
 * `rawQuery` is ASCII: node:http lets nothing else through. A `%` that starts no escape stands for itself, and `+`
 * is a plus (a space travels as `%20`).
 *
 * @throws {Refusal} 4000 for a name that comes twice: which one was signed?
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
