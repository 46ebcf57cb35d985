import { Hono } from 'hono';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { createLogin } from '../../../src/ops/login.ts';

const users = [{ name: 'alice', password: 'her long password' }];

/** What a server tells of the connection. */
const connection = { incoming: { socket: { remoteAddress: '127.0.0.1' } } };

/** Pages behind a login whose sleeps last until `wake` is called. */
function pages() {
  const sleeps: number[] = [];
  const { promise, resolve: wake } = Promise.withResolvers<void>();
  const sleep = async (ms: number): Promise<void> => {
    sleeps.push(ms);
    await promise;
  };
  const app = new Hono();
  app.use(createLogin({ users, log: pino({ enabled: false }), sleep }));
  app.get('/', (context) => context.text('in'));
  const ask = async (name: string, password: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    return (await app.request('/', { headers: { authorization } }, connection)).status;
  };
  return { app, ask, sleeps, wake };
}

describe('a login', () => {
  it('is refused only after half a second, whatever is wrong with it', async () => {
    const { ask, sleeps, wake } = pages();
    const answered: number[] = [];
    const asked = [
      ['alice', 'guessed password'],
      ['guessed name', 'her long password'],
      ['', ''],
    ].map(async ([name = '', password = '']) => answered.push(await ask(name, password)));
    // Who is right, and came later, is through already.
    expect(await ask('alice', 'her long password')).toBe(200);
    expect([answered, sleeps]).toEqual([[], [500, 500, 500]]);
    wake();
    await Promise.all(asked);
    expect(answered).toEqual([401, 401, 401]);
  });

  it('is asked for at once', async () => {
    const { app, sleeps } = pages();
    expect((await app.request('/')).status).toBe(401);
    expect(sleeps).toEqual([]);
  });
});
