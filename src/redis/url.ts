const FORM =
  'must be a redis:// or rediss:// URL: redis://[user:password@]host[:port][/db], without a query, and with %-escapes ' +
  'for special characters in user and password';

/** What is wrong with a Redis URL, or undefined. Never contains the URL, which may hold a password. */
export function redisUrlProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  // ioredis takes `rediss:host`, without slashes, for a host of that name, and connects to it without TLS.
  if (parsed === null || !/^rediss?:\/\//.test(url) || parsed.hostname === '') return FORM;
  // A query could set any option of ioredis, including the verification of certificates.
  if (parsed.search !== '' || parsed.hash !== '' || !/^(\/\d{0,9})?$/.test(parsed.pathname)) return FORM;
  try {
    decodeURIComponent(`${parsed.username}${parsed.password}`);
  } catch {
    return FORM;
  }
  return undefined;
}

/** A Redis URL for logs and messages, with the password masked; also a user without a password, which often is one. */
export function maskedUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return '(not a URL)';
  if (parsed.password !== '') parsed.password = '***';
  else if (parsed.username !== '') parsed.username = '***';
  parsed.search = '';
  parsed.hash = '';
  return parsed.href;
}
