import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { onStopSignals } from '../../../src/process/stop-signals.ts';

function listen() {
  const from = new EventEmitter();
  let nowMs = 0;
  const received: NodeJS.Signals[] = [];
  const off = onStopSignals((signal) => received.push(signal), { from, clock: () => nowMs });
  return {
    received,
    off,
    send(signal: NodeJS.Signals, atMs: number): void {
      nowMs = atMs;
      from.emit(signal, signal);
    },
  };
}

test('calls the listener once for a Ctrl-C that npm forwards a copy of', () => {
  const { received, send } = listen();
  send('SIGINT', 1000);
  send('SIGINT', 1200);
  expect(received).toEqual(['SIGINT']);
});

test('calls it for a second SIGINT after the echo time, and for another signal at any time', () => {
  const { received, send } = listen();
  send('SIGINT', 1000);
  send('SIGINT', 1600);
  send('SIGTERM', 1601);
  expect(received).toEqual(['SIGINT', 'SIGINT', 'SIGTERM']);
});

test('does not call it after it was removed', () => {
  const { received, send, off } = listen();
  off();
  send('SIGTERM', 1);
  expect(received).toEqual([]);
});
