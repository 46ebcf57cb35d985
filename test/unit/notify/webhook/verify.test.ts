import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { verifyWebhook, type WebhookPayload } from '../../../../src/index.ts';
import { isSigned, parseSecret, sign } from '../../../../src/notify/webhook/signature.ts';

/** Known answer from the reference implementations of Standard Webhooks. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1614265330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
};
const OTHER = `whsec_${Buffer.alloc(64, 7).toString('base64')}`;
const key = (secret: string): Buffer => parseSecret(secret) as Buffer;

const payload: WebhookPayload = {
  id: 'u1-abc-r1',
  type: 'upload.failed',
  timestamp: '2026-05-01T12:00:00.000Z',
  data: {
    uploadId: 'u1',
    attempt: 1,
    state: 'failed',
    failure: { code: 'X', message: 'ü', retryable: true },
  },
};

const NOW_SECONDS = 1_700_000_000;
beforeEach(() => void vi.useFakeTimers({ now: NOW_SECONDS * 1000, toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function received(
  change: { id?: string; seconds?: number; secrets?: string[]; body?: string; sent?: object } = {},
): Parameters<typeof verifyWebhook>[0] & { headers: Record<string, string> } {
  const body = JSON.stringify(payload);
  const timestamp = NOW_SECONDS + (change.seconds ?? 0);
  const secrets = [VECTOR.secret].map(key);
  return {
    headers: {
      'webhook-id': change.id ?? payload.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': sign({ id: payload.id, timestamp, body }, secrets),
    },
    body: change.body ?? body,
    secrets: change.secrets ?? [VECTOR.secret],
  };
}

describe('a signature', () => {
  it('matches the known answer of the standard', () => {
    expect(sign(VECTOR, [key(VECTOR.secret)])).toBe(VECTOR.signature);
    expect(isSigned(VECTOR, VECTOR.signature, [key(VECTOR.secret)])).toBe(true);
  });

  it('is HMAC-SHA256 over id, timestamp and body, for any secret and body', () => {
    const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
    fc.assert(
      fc.property(bytes(24, 64), fc.uuid(), fc.nat(), bytes(0, 200), (secret, id, timestamp, body) => {
        const own = key(`whsec_${Buffer.from(secret).toString('base64')}`);
        const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
        const expected = createHmac('sha256', secret).update(signed).digest('base64');
        expect(sign({ id, timestamp, body }, [own])).toBe(`v1,${expected}`);
        expect(isSigned({ id, timestamp, body }, `v1,x v1,${expected}`, [own])).toBe(true);
      }),
    );
  });

  it('does not match another body, id, timestamp or secret', () => {
    const { signature } = VECTOR;
    const secrets = [key(VECTOR.secret)];
    for (const change of [
      { id: 'msg_2' },
      { timestamp: VECTOR.timestamp + 1 },
      { body: `${VECTOR.body} ` },
    ]) {
      expect(isSigned({ ...VECTOR, ...change }, signature, secrets)).toBe(false);
    }
    expect(isSigned(VECTOR, signature, [key(OTHER)])).toBe(false);
    for (const wrong of [
      '',
      ' ',
      'v1,',
      signature.slice(3),
      signature.replace('v1,', 'v2,'),
      `${signature}=`,
    ]) {
      expect(isSigned(VECTOR, wrong, secrets), wrong).toBe(false);
    }
  });
});

test.each([
  '',
  'whsec_',
  'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  `whsec_${randomBytes(23).toString('base64')}`,
  `whsec_${randomBytes(65).toString('base64')}`,
  `whsec_${'*'.repeat(40)}`,
])('rejects the secret %s', (secret) => {
  expect(parseSecret(secret)).toBeUndefined();
  const error = (() => {
    try {
      return verifyWebhook({ ...received(), secrets: [secret] });
    } catch (thrown) {
      return thrown as Error;
    }
  })();
  expect(error).toMatchObject({
    code: 'WEBHOOK_SECRET',
    message: expect.stringContaining('24 to 64 random bytes'),
  });
});

describe('verifyWebhook', () => {
  it('returns the payload for every form of headers and body', () => {
    const { headers, body, secrets } = received();
    const asBytes = new TextEncoder().encode(String(body));
    expect(verifyWebhook({ headers, body, secrets })).toEqual(payload);
    expect(verifyWebhook({ headers: new Headers(headers), body: asBytes, secrets })).toEqual(payload);
    const capitals = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]] as const),
    );
    expect(verifyWebhook({ headers: capitals, body: Buffer.from(asBytes), secrets })).toEqual(payload);
  });

  it.each([
    ['https://v/f0.mp4', 'https://v/f0.mp4'],
    ['', null],
    [null, null],
  ])('returns the url %j as %j', (sent, url) => {
    const video = { uploadId: 'u1', attempt: 1, fileId: '5285890784246869930', outcome: 'completed' };
    const data = { ...video, url: sent, fileSha: 'a'.repeat(40), fileSize: 7 };
    const body = JSON.stringify({ ...payload, type: 'upload.completed', data });
    const timestamp = NOW_SECONDS;
    const headers = {
      'webhook-id': payload.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': sign({ id: payload.id, timestamp, body }, [key(VECTOR.secret)]),
    };
    expect(verifyWebhook({ headers, body, secrets: [VECTOR.secret] }).data).toEqual({ ...data, url });
  });

  it('accepts either of two secrets during a rotation, on both sides', () => {
    expect(verifyWebhook(received({ secrets: [OTHER, VECTOR.secret] }))).toEqual(payload);
    const { headers, body } = received();
    const timestamp = Number(headers['webhook-timestamp']);
    const both = sign({ id: payload.id, timestamp, body }, [key(OTHER), key(VECTOR.secret)]);
    for (const secret of [OTHER, VECTOR.secret]) {
      expect(
        verifyWebhook({ headers: { ...headers, 'webhook-signature': both }, body, secrets: [secret] }),
      ).toEqual(payload);
    }
  });

  it.each([
    ['SIGNATURE', { id: 'another' }],
    ['SIGNATURE', { body: JSON.stringify({ ...payload, id: 'another' }) }],
    ['SIGNATURE', { secrets: [OTHER] }],
    ['TIMESTAMP', { seconds: -301 }],
    ['TIMESTAMP', { seconds: 301 }],
    ['WEBHOOK_SECRET', { secrets: [] }],
  ])('throws %s for %j', (code, change) => {
    expect(() => verifyWebhook(received(change))).toThrow(expect.objectContaining({ code }));
  });

  it.each([-300, 300])('accepts a timestamp that is %i seconds off', (seconds) => {
    expect(verifyWebhook(received({ seconds }))).toEqual(payload);
  });

  it('applies toleranceSeconds', () => {
    expect(verifyWebhook({ ...received({ seconds: -400 }), toleranceSeconds: 500 })).toEqual(payload);
    expect(() => verifyWebhook({ ...received({ seconds: -20 }), toleranceSeconds: 10 })).toThrow(
      /differs from now by 20 s/,
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])(
    'rejects a tolerance of %d seconds',
    (toleranceSeconds) => {
      for (const seconds of [0, -700_000_000]) {
        expect(() => verifyWebhook({ ...received({ seconds }), toleranceSeconds })).toThrow(
          expect.objectContaining({
            code: 'WEBHOOK_TOLERANCE',
            message: expect.stringContaining(`but is ${toleranceSeconds}`),
          }),
        );
      }
    },
  );

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('names the missing header %s', (name) => {
    const { headers, ...rest } = received();
    const { [name]: _, ...others } = headers;
    expect(() => verifyWebhook({ ...rest, headers: others })).toThrow(`has no header ${name}`);
  });

  it.each(['', '1e9', ' 1', '01', '-1', '1.5', 'now'])('rejects the timestamp %j', (text) => {
    const { headers, ...rest } = received();
    const wrong = { ...headers, 'webhook-timestamp': text };
    expect(() => verifyWebhook({ ...rest, headers: wrong })).toThrow('webhook-timestamp is not a number');
  });

  it.each(['', '{', '[]', '{"type":"upload.other","id":"x"}'])(
    'rejects the body %j even if it is signed',
    (body) => {
      const timestamp = NOW_SECONDS;
      const headers = {
        'webhook-id': 'x',
        'webhook-timestamp': String(timestamp),
        'webhook-signature': sign({ id: 'x', timestamp, body }, [key(VECTOR.secret)]),
      };
      expect(() => verifyWebhook({ headers, body, secrets: [VECTOR.secret] })).toThrow(
        expect.objectContaining({ code: 'PAYLOAD' }),
      );
    },
  );
});
