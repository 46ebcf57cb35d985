import { createRequire } from 'node:module';

// From dist/src the package's root is one folder further up than from src.
const path = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';

/** This package's version. */
export const VERSION: string = (createRequire(import.meta.url)(path) as { version: string }).version;
