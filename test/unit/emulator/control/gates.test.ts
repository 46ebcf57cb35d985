import { describe, expect, it } from 'vitest';
import { Gates } from '../../../../src/emulator/control/gates.ts';

const never = new AbortController().signal;

/** Passes a gate, and records it. */
function walker(gates: Gates, passed: string[], name = 'gate') {
  return (who: string, signal: AbortSignal = never): Promise<void> =>
    gates.pass(name, signal).then(() => void passed.push(who));
}

describe('a gate', () => {
  it('lets all requests pass once it is open, and none before', async () => {
    const gates = new Gates();
    const passed: string[] = [];
    const walk = walker(gates, passed);
    const both = Promise.all([walk('first'), walk('second')]);
    await gates.reached('gate', 2);
    expect([passed, gates.waiting]).toEqual([[], { gate: 2 }]);
    gates.open('gate');
    await both;
    await walk('late');
    expect([passed, gates.waiting]).toEqual([['first', 'second', 'late'], { gate: 0 }]);
  });

  it('lets the given number pass, waiting requests first and in order', async () => {
    const gates = new Gates();
    const passed: string[] = [];
    const walk = walker(gates, passed);
    const [first, second] = [walk('first'), walk('second')];
    gates.open('gate', 1);
    await first;
    expect([passed, gates.waiting]).toEqual([['first'], { gate: 1 }]);
    gates.open('gate', 2);
    await second;
    await walk('third');
    expect(passed).toEqual(['first', 'second', 'third']);
    const fourth = walk('fourth');
    await gates.reached('gate', 1);
    gates.clear();
    await fourth;
    expect(gates.waiting).toEqual({});
  });

  it('can be left by an aborted request', async () => {
    const gates = new Gates();
    const passed: string[] = [];
    const walk = walker(gates, passed);
    const leaving = new AbortController();
    const left = walk('leaves', leaving.signal);
    const stays = walk('stays');
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(walk('comes too late', leaving.signal)).rejects.toThrow('gone');
    expect(gates.waiting).toEqual({ gate: 1 });
    gates.open('gate', 1);
    await stays;
    expect(passed).toEqual(['stays']);
  });

  it('is independent of gates with other names', async () => {
    const gates = new Gates();
    const passed: string[] = [];
    void walker(gates, passed, 'a')('through a');
    const other = walker(gates, passed, 'b')('through b');
    gates.open('b');
    await other;
    expect([passed, gates.waiting]).toEqual([['through b'], { a: 1, b: 0 }]);
  });
});
