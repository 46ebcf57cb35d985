/** Excerpts of INFO as servers print it. */
export const INFO = {
  redis60: info(['redis_version:6.0.16', 'redis_mode:standalone'], { policy: 'noeviction', aof: 1 }),
  redis62: info(['redis_version:6.2.14', 'redis_mode:standalone'], { policy: 'volatile-lru', aof: 0 }),
  redis70: info(['redis_version:7.0.15', 'redis_mode:standalone'], { policy: 'noeviction', aof: 1 }),
  valkey8: info(
    ['redis_version:7.2.4', 'server_name:valkey', 'valkey_version:8.0.1', 'valkey_release_stage:ga'],
    { policy: 'allkeys-lru', aof: 0 },
  ),
  replica: info(['redis_version:7.0.15'], { policy: 'noeviction', aof: 1, role: 'slave' }),
  // A proxy of a managed Redis service may leave out most fields.
  terse: '# Server\r\nredis_version:6.2.6\r\n',
} as const;

function info(
  server: readonly string[],
  { policy, aof, role = 'master' }: { policy: string; aof: 0 | 1; role?: string },
): string {
  return [
    '# Server',
    ...server,
    'os:Linux 6.1.0-18-amd64 x86_64',
    'executable:/usr/bin/redis-server',
    'config_file:/etc/redis/redis.conf',
    '',
    '# Memory',
    'used_memory:1012345',
    'maxmemory:0',
    `maxmemory_policy:${policy}`,
    'mem_allocator:jemalloc-5.3.0',
    '',
    '# Persistence',
    'loading:0',
    'rdb_changes_since_last_save:0',
    'rdb_last_save_time:1795384185',
    `aof_enabled:${aof}`,
    'aof_last_write_status:ok',
    '',
    '# Replication',
    `role:${role}`,
    'connected_slaves:0',
    '',
  ].join('\r\n');
}
