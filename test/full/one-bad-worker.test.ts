import { describe } from 'vitest';
import { testRefusedKey } from '../support/refused-key.ts';

describe('a key refused with -10002', () => testRefusedKey(-10002));

describe('a key refused with 4100', () => testRefusedKey(4100));
