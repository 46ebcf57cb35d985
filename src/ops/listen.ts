import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UploaderError } from '../base/errors.ts';

/** The address a server listens on, and the variables that set it. */
export interface ListenAddress {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly portVariable: string;
  readonly hostVariable: string;
}

/**
 * @returns the server's URL; when it listens on all interfaces, one that works on this machine
 * @throws {UploaderError} `PORT_TAKEN` or `PORT`, naming the variable to change
 */
export async function listen(server: Server, address: ListenAddress): Promise<string> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address)));
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return `http://${reachable(host)}:${bound}`;
}

/** Whether only programs on this machine can connect to this host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function listenError(error: NodeJS.ErrnoException, address: ListenAddress): UploaderError {
  const { host, port, portVariable, hostVariable } = address;
  const taken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
  const hint = taken
    ? `set ${portVariable} to another port`
    : `set ${hostVariable} to an address of this machine`;
  return new UploaderError(
    error.code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'PORT',
    `can't listen on ${host}:${port} (${error.code}): ${hint}`,
    { cause: error },
  );
}

/** Closes a server and its connections. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
