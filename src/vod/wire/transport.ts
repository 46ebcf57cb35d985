import type { FailureKind, FailureReason, Trouble } from './vod-error.ts';

/** Why there is no answer, as `VodTransportError.code` says it. */
export type TransportCode =
  | 'TIMEOUT'
  | 'NETWORK'
  | 'TLS'
  | 'PROXY'
  | 'MALFORMED_REPLY'
  | 'REPLY_TOO_LARGE'
  | 'REDIRECT'
  | 'ABORTED'
  | 'CREDENTIALS'
  | `HTTP_${number}`;

/** How a kind of transport failure is counted and explained. */
export interface TransportMeaning {
  /** Default retryable: no reply is not an answer. */
  readonly kind?: FailureKind;
  readonly reason: FailureReason;
  readonly trouble?: Trouble;
  /** For the metric of requests: did HTTP answer at all? */
  readonly result: 'http_error' | 'network';
  readonly what: string;
  readonly advice?: string;
}

type NamedCode =
  | Exclude<TransportCode, `HTTP_${number}`>
  | 'HTTP_429'
  | 'HTTP_too_large'
  | 'HTTP_4xx'
  | 'HTTP_5xx'
  | 'HTTP_other';

/** One row for each transport failure. */
export const TRANSPORT_MEANINGS: Readonly<Record<NamedCode, TransportMeaning>> = {
  TIMEOUT: { reason: 'timeout', trouble: 'outage', result: 'network', what: 'timed out' },
  NETWORK: { reason: 'network', trouble: 'outage', result: 'network', what: 'network failure' },
  TLS: {
    reason: 'network',
    trouble: 'outage',
    result: 'network',
    what: 'TLS failure',
    advice:
      'If it persists, check the certificate of VOD_ENDPOINT; NODE_EXTRA_CA_CERTS adds an authority to trust.',
  },
  PROXY: {
    reason: 'network',
    trouble: 'outage',
    result: 'network',
    what: 'the proxy opened no tunnel',
    advice: 'If it persists, check https_proxy and no_proxy.',
  },
  MALFORMED_REPLY: {
    reason: 'network',
    trouble: 'blocked',
    result: 'http_error',
    what: 'the reply is not what the service documents',
    advice: 'If it persists, check VOD_ENDPOINT and any proxy on the way.',
  },
  REPLY_TOO_LARGE: {
    reason: 'network',
    trouble: 'blocked',
    result: 'http_error',
    what: 'the reply is too large',
  },
  REDIRECT: {
    reason: 'network',
    trouble: 'blocked',
    result: 'http_error',
    what: 'redirected, which is never followed',
    advice:
      'If it persists, check VOD_ENDPOINT and any proxy or firewall on the way, which may want a login.',
  },
  ABORTED: { reason: 'network', result: 'network', what: 'aborted by the caller' },
  CREDENTIALS: {
    reason: 'signature',
    trouble: 'account',
    result: 'network',
    what: 'no credentials to sign with',
  },
  HTTP_429: {
    kind: 'quota',
    reason: 'quota',
    result: 'http_error',
    what: 'too many requests',
    advice:
      'VOD, or something on the way, takes fewer requests: lower VOD_QUOTA_INIT_PER_MINUTE, VOD_QUOTA_PART_PER_MINUTE ' +
      'or VOD_QUOTA_FINISH_PER_MINUTE.',
  },
  HTTP_too_large: {
    kind: 'permanent',
    reason: 'network',
    result: 'http_error',
    what: 'the request is too large for HTTP',
    advice:
      'Fewer or shorter tags, or partSize 512 KiB, make it smaller; a proxy on the way may set the limit.',
  },
  HTTP_4xx: {
    reason: 'network',
    trouble: 'blocked',
    result: 'http_error',
    what: 'refused by HTTP, not by the service',
    advice: 'If it persists, check VOD_ENDPOINT and any proxy or firewall on the way.',
  },
  HTTP_5xx: { reason: 'http_5xx', trouble: 'outage', result: 'http_error', what: 'server failure' },
  HTTP_other: {
    reason: 'network',
    trouble: 'blocked',
    result: 'http_error',
    what: 'unexpected HTTP status',
  },
};

/** Content too large, URI too long, header fields too large: the same request would always be. */
const TOO_LARGE: readonly string[] = ['HTTP_413', 'HTTP_414', 'HTTP_431'];

export function transportMeaning(code: TransportCode): TransportMeaning {
  if (Object.hasOwn(TRANSPORT_MEANINGS, code))
    return TRANSPORT_MEANINGS[code as keyof typeof TRANSPORT_MEANINGS];
  if (TOO_LARGE.includes(code)) return TRANSPORT_MEANINGS.HTTP_too_large;
  return TRANSPORT_MEANINGS[code[5] === '4' ? 'HTTP_4xx' : code[5] === '5' ? 'HTTP_5xx' : 'HTTP_other'];
}

/** Codes of Node's errors (sockets, DNS, TLS, HTTP parser, zlib) by the failure that they are; the first match counts. */
const NODE_CODES: readonly { readonly match: RegExp; readonly code: TransportCode; readonly what: string }[] =
  [
    { match: /^ECONNREFUSED$/, code: 'NETWORK', what: 'connection refused' },
    { match: /^ECONNRESET$/, code: 'NETWORK', what: 'connection reset' },
    { match: /^(EPIPE|ECONNABORTED|ERR_STREAM_\w+)$/, code: 'NETWORK', what: 'connection closed' },
    {
      match: /^(ENOTFOUND|EAI_\w+|ENODATA|ESERVFAIL)$/,
      code: 'NETWORK',
      what: 'the host name was not resolved',
    },
    {
      match: /^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/,
      code: 'NETWORK',
      what: 'unreachable',
    },
    {
      match: /^(ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/,
      code: 'TIMEOUT',
      what: 'timed out',
    },
    { match: /^ERR_PROXY_/, code: 'PROXY', what: 'the proxy opened no tunnel' },
    {
      match:
        /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|HOSTNAME_MISMATCH|.*(CERT|CERTIFICATE|ISSUER|SIGNATURE|CA)(_|$))/,
      code: 'TLS',
      what: 'TLS failure',
    },
    { match: /^ERR_HTTP_CONTENT_LENGTH_MISMATCH$/, code: 'MALFORMED_REPLY', what: 'the reply is truncated' },
    { match: /^HPE_/, code: 'MALFORMED_REPLY', what: 'the reply is not HTTP' },
    {
      match: /^(Z_|ERR__?ERROR_FORMAT|ERR_BROTLI|ZSTD_)/,
      code: 'MALFORMED_REPLY',
      what: 'the reply is badly compressed',
    },
  ];

/** Which failure an error of Node or got is, by its `code`; what nobody foresaw counts as network. */
export function classifyNodeCode(code: string | undefined): { code: TransportCode; what: string } {
  const row = code === undefined ? undefined : NODE_CODES.find(({ match }) => match.test(code));
  return row ?? { code: 'NETWORK', what: 'network failure' };
}
