import { expect, test } from 'vitest';
import { locationHosts } from '../../../src/redis/location.ts';

test('locationHosts has the default ports, and IPv6 addresses without brackets', () => {
  expect(locationHosts({ cluster: 'rediss://u:p@h1:7000,[::1],h3' })).toEqual([
    { host: 'h1', port: 7000 },
    { host: '::1', port: 6379 },
    { host: 'h3', port: 6379 },
  ]);
  expect(locationHosts({ sentinels: 'h1,h2:1/3' })).toEqual([
    { host: 'h1', port: 26_379 },
    { host: 'h2', port: 1 },
  ]);
});
