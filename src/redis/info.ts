import { defined } from '../base/defined.ts';

/** What INFO says about a server; a field that it lacks is undefined. */
export interface RedisInfo {
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly product: string;
  /** The Redis version that the server is or is compatible with; empty when INFO does not say. */
  readonly version: string;
  readonly maxmemoryPolicy?: string;
  readonly aofEnabled?: boolean;
  readonly replica: boolean;
  readonly mode: 'server' | 'cluster' | 'sentinel';
  /** How many replicas are connected. */
  readonly replicas: number;
  /** Whether it refuses writes while too few replicas are connected (min-replicas-to-write). */
  readonly requiresReplicas: boolean;
}

/** The fields of the text of INFO, by name. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^([a-z_0-9]+):(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name, value.trim());
  }
  return fields;
}

export function parseRedisInfo(text: string): RedisInfo {
  const fields = infoFields(text);
  const version = fields.get('redis_version') ?? '';
  const aof = fields.get('aof_enabled');
  return {
    product: productOf(fields, version),
    version,
    ...defined({
      maxmemoryPolicy: fields.get('maxmemory_policy'),
      aofEnabled: aof === undefined ? undefined : aof === '1',
    }),
    replica: fields.get('role') === 'slave',
    mode: modeOf(fields),
    replicas: Number(fields.get('connected_slaves') ?? 0),
    // Redis lists this field only while min-replicas-to-write is set.
    requiresReplicas: fields.has('min_slaves_good_slaves'),
  };
}

function modeOf(fields: ReadonlyMap<string, string>): RedisInfo['mode'] {
  if (fields.get('redis_mode') === 'sentinel') return 'sentinel';
  return fields.get('cluster_enabled') === '1' ? 'cluster' : 'server';
}

function productOf(fields: ReadonlyMap<string, string>, version: string): string {
  for (const [field, name] of [
    ['valkey_version', 'Valkey'],
    ['dragonfly_version', 'Dragonfly'],
  ] as const) {
    const own = fields.get(field);
    if (own !== undefined) return `${name} ${own.replace(/^\D+/, '')}`;
  }
  return `Redis ${version || 'of an unknown version'}`;
}
