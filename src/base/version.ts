import { createRequire } from 'node:module';

// From dist/src the package's root is one folder further up than from src.
const path = import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json';

const versionIn = (manifest: string): string =>
  (createRequire(import.meta.url)(manifest) as { version: string }).version;

/** This package's version. */
export const VERSION: string = versionIn(path);

/** The version of BullMQ that is in use. */
export const BULLMQ_VERSION: string = versionIn('bullmq/package.json');
