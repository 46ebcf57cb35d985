const FORM =
  'must be a redis:// or rediss:// URL: redis://[user:password@]host[:port][/db], without a query, and with %-escapes ' +
  'for special characters in user and password';

/** What is wrong with the URL of a Redis, or undefined. Never repeats the URL: it may hold a password. */
export function redisUrlProblem(url: string): string | undefined {
  const parsed = URL.parse(url);
  // `rediss:host`, without slashes, would be taken by the Redis client for a host of that name, and go there unencrypted.
  if (parsed === null || !/^rediss?:\/\//.test(url) || parsed.hostname === '') return FORM;
  // A query could set any option of the client, the verification of certificates among them.
  if (parsed.search !== '' || parsed.hash !== '' || !/^(\/\d{0,9})?$/.test(parsed.pathname)) return FORM;
  try {
    decodeURIComponent(`${parsed.username}${parsed.password}`);
  } catch {
    return FORM;
  }
  return undefined;
}

/** A Redis URL that may be shown. A user alone is masked as well: it is a password as often as not. */
export function withoutPassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return '(not a URL)';
  if (parsed.password !== '') parsed.password = '***';
  else if (parsed.username !== '') parsed.username = '***';
  parsed.search = '';
  parsed.hash = '';
  return parsed.href;
}
