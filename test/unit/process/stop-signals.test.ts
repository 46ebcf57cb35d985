import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { onStopSignals } from '../../../src/process/stop-signals.ts';

function listen() {
  const from = new EventEmitter();
  let nowMs = 0;
  const heard: NodeJS.Signals[] = [];
  const off = onStopSignals((signal) => heard.push(signal), { from, clock: () => nowMs });
  return {
    heard,
    off,
    send(signal: NodeJS.Signals, atMs: number): void {
      nowMs = atMs;
      from.emit(signal, signal);
    },
  };
}

it('hears one Ctrl-C once, though npm passes a copy of it on', () => {
  const { heard, send } = listen();
  send('SIGINT', 1000);
  send('SIGINT', 1200);
  expect(heard).toEqual(['SIGINT']);
});

it('hears a second one that somebody has sent, and another signal at any time', () => {
  const { heard, send } = listen();
  send('SIGINT', 1000);
  send('SIGINT', 1600);
  send('SIGTERM', 1601);
  expect(heard).toEqual(['SIGINT', 'SIGINT', 'SIGTERM']);
});

it('hears nothing any more when it is told so', () => {
  const { heard, send, off } = listen();
  off();
  send('SIGTERM', 1);
  expect(heard).toEqual([]);
});
