import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { type ControlClient, controlClient } from '../../src/emulator/control/client.ts';
import { makeNetwork } from './network.ts';
import { LoggedProcess } from './process.ts';
import { SECRET_ID, SECRET_KEY } from './world.ts';

/** An emulator behind a slow network, until the test ends. */
export interface FarEmulator {
  readonly endpoint: string;
  readonly control: ControlClient;
  /** Bytes sent over that network. */
  sentBytes(): number;
}

/**
 * @param line tc qdisc of the packets to the emulator
 * @param directory for the emulator's data
 */
export async function emulatorBehind(line: string, directory: string): Promise<FarEmulator> {
  const network = makeNetwork(line);
  onTestFinished(() => network.close());
  const [port, controlPort] = [await freePort(), await freePort()];
  const [command = '', ...args] = network.command;
  const emulator = new LoggedProcess(
    [
      ...args,
      ...[process.execPath, 'src/cli.ts', 'emulator', '--host', network.address, '--json'],
      ...['--port', String(port), '--control-port', String(controlPort)],
      ...['--data', join(directory, `vod-${port}`), '--secret-id', SECRET_ID, '--secret-key', SECRET_KEY],
    ],
    {},
    command,
  );
  onTestFinished(async () => void (await emulator.end()));
  const { url, controlUrl } = await emulator.line(({ variables }) => variables !== undefined);
  return {
    endpoint: url as string,
    control: controlClient(controlUrl as string),
    sentBytes: () => network.sentBytes(),
  };
}
