import { describe, expect, test } from 'vitest';
import { isLoopbackHost, isOwnLoad, isSameOrigin } from '../../../src/ops/origin.ts';

describe('isLoopbackHost', () => {
  test.each(['127.0.0.1:9323', '127.0.0.1', '127.1.2.3:80', 'localhost', 'LOCALHOST:9323', '[::1]:9323'])(
    '%s is this machine',
    (host) => expect(isLoopbackHost(host)).toBe(true),
  );

  test.each([
    'rebound.example:9323',
    '127.0.0.1.rebound.example',
    'localhost.rebound.example:9323',
    '127.0.0.1@rebound.example',
    '10.0.0.1:9323',
    '0.0.0.0:9323',
    '[::2]',
    '',
    undefined,
  ])('%s is not', (host) => expect(isLoopbackHost(host)).toBe(false));
});

describe('isSameOrigin', () => {
  const judge = (headers: Record<string, string>): boolean => isSameOrigin((name) => headers[name]);

  test.each([
    ['a page of this host', { 'sec-fetch-site': 'same-origin', host: 'ops.example' }],
    [
      'a page seen through a proxy that changes the Host header',
      { 'sec-fetch-site': 'same-origin', origin: 'https://ops.example', host: '10.0.0.7:9323' },
    ],
    ['a program', { host: 'ops.example' }],
    ['an old browser', { origin: 'http://ops.example:9323', host: 'ops.example:9323' }],
    ['… behind a proxy that ends TLS', { origin: 'https://ops.example', host: 'ops.example' }],
    ['… that adds the port', { origin: 'https://ops.example', host: 'Ops.Example:443' }],
  ])('%s may', (_who, headers) => expect(judge(headers as unknown as Record<string, string>)).toBe(true));

  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site', host: 'ops.example' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site', host: 'ops.example' }],
    ['a bookmark', { 'sec-fetch-site': 'none', host: 'ops.example' }],
    ['a liar', { 'sec-fetch-site': 'cross-site', origin: 'http://ops.example', host: 'ops.example' }],
    ['another site of an old browser', { origin: 'http://evil.example', host: 'ops.example' }],
    ['another port', { origin: 'http://ops.example:8080', host: 'ops.example' }],
    ['a sandboxed frame or a file', { origin: 'null', host: 'ops.example' }],
    ['nonsense', { origin: 'about:blank', host: 'ops.example' }],
    ['no host', { origin: 'http://ops.example' }],
  ])('%s may not', (_who, headers) =>
    expect(judge(headers as unknown as Record<string, string>)).toBe(false),
  );
});

describe('isOwnLoad', () => {
  const judge = (headers: Record<string, string>): boolean => isOwnLoad((name) => headers[name]);
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

  test.each([
    ['a page of this address', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }],
    ['an address that was typed', { 'sec-fetch-site': 'none', ...navigation }],
    ['a link on another site', { 'sec-fetch-site': 'cross-site', ...navigation }],
    ['a program, or a browser that says nothing', {}],
  ])('%s may', (_who, headers) => expect(judge(headers as unknown as Record<string, string>)).toBe(true));

  test.each([
    ['an image on another site', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }],
    ['a script on another site', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }],
    ['a frame on another site', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
  ])('%s may not', (_who, headers) => {
    expect(judge({ 'sec-fetch-site': 'cross-site', ...headers })).toBe(false);
    expect(judge({ 'sec-fetch-site': 'same-site', ...headers })).toBe(false);
  });
});
