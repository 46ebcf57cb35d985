import type { FailureReason } from './errors.ts';

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

/** How a kind of transport failure is counted and explained. All are retryable: no reply is not an answer. */
export interface TransportMeaning {
  readonly reason: FailureReason;
  /** For the metric of requests: did HTTP answer at all? */
  readonly result: 'http_error' | 'network';
  readonly what: string;
  readonly advice?: string;
}

type NamedCode = Exclude<TransportCode, `HTTP_${number}`> | 'HTTP_4xx' | 'HTTP_5xx' | 'HTTP_other';

/** One row for each transport failure. */
export const TRANSPORT_MEANINGS: Readonly<Record<NamedCode, TransportMeaning>> = {
  TIMEOUT: { reason: 'timeout', result: 'network', what: 'timed out' },
  NETWORK: { reason: 'network', result: 'network', what: 'network failure' },
  TLS: {
    reason: 'network',
    result: 'network',
    what: 'TLS failure',
    advice:
      'If it persists, check the certificate of VOD_ENDPOINT; NODE_EXTRA_CA_CERTS adds an authority to trust.',
  },
  PROXY: {
    reason: 'network',
    result: 'network',
    what: 'the proxy opened no tunnel',
    advice: 'If it persists, check https_proxy and no_proxy.',
  },
  MALFORMED_REPLY: {
    reason: 'network',
    result: 'http_error',
    what: 'the reply is not what the service documents',
    advice: 'If it persists, check VOD_ENDPOINT and any proxy on the way.',
  },
  REPLY_TOO_LARGE: { reason: 'network', result: 'http_error', what: 'the reply is too large' },
  REDIRECT: {
    reason: 'network',
    result: 'http_error',
    what: 'redirected, which is never followed',
    advice: 'If it persists, check VOD_ENDPOINT.',
  },
  ABORTED: { reason: 'network', result: 'network', what: 'aborted by the caller' },
  CREDENTIALS: { reason: 'signature', result: 'network', what: 'no credentials to sign with' },
  HTTP_4xx: {
    reason: 'network',
    result: 'http_error',
    what: 'refused by HTTP, not by the service',
    advice: 'If it persists, check VOD_ENDPOINT and any proxy on the way.',
  },
  HTTP_5xx: { reason: 'http_5xx', result: 'http_error', what: 'server failure' },
  HTTP_other: { reason: 'network', result: 'http_error', what: 'unexpected HTTP status' },
};

export function transportMeaning(code: TransportCode): TransportMeaning {
  if (!code.startsWith('HTTP_')) return TRANSPORT_MEANINGS[code as Exclude<TransportCode, `HTTP_${number}`>];
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
