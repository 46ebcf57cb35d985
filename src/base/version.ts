import { createRequire } from 'node:module';

// dist/src is one folder deeper in the package than src.
const path = import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json';

const readVersion = (manifest: string): string =>
  (createRequire(import.meta.url)(manifest) as { version: string }).version;

/** This package's version. */
export const VERSION: string = readVersion(path);

/** The version of the installed BullMQ. */
export const BULLMQ_VERSION: string = readVersion('bullmq/package.json');
