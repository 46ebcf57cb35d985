import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveRoots } from '../../../src/source/roots.ts';
import { tempDir } from './temp-dir.ts';

describe('resolveRoots', () => {
  test('is the working directory by default', async () => {
    const cwd = tempDir();
    expect(await resolveRoots(undefined, cwd)).toEqual([cwd]);
  });

  test('resolves several directories, relative to the working directory, without duplicates', async () => {
    const cwd = tempDir();
    mkdirSync(join(cwd, 'films'));
    mkdirSync(join(cwd, 'clips of today'));
    const roots = await resolveRoots([`${cwd}/clips of today`, 'films', `${cwd}/films/`], cwd);
    expect(roots).toEqual([`${cwd}/clips of today`, `${cwd}/films`]);
  });

  test('resolves symbolic links', async () => {
    const cwd = tempDir();
    mkdirSync(join(cwd, 'release-7'));
    symlinkSync('release-7', join(cwd, 'current'));
    expect(await resolveRoots(['current'], cwd)).toEqual([join(cwd, 'release-7')]);
    expect(await resolveRoots(undefined, join(cwd, 'current'))).toEqual([join(cwd, 'release-7')]);
  });

  test('accepts the root of the file system', async () => {
    expect(await resolveRoots(['/'], '/tmp')).toEqual(['/']);
  });

  test('reports a name that is not UTF-8', async () => {
    const cwd = tempDir();
    mkdirSync(Buffer.from(`${cwd}/\u00e9`, 'latin1'));
    symlinkSync(Buffer.from('\u00e9', 'latin1'), join(cwd, 'link'));
    await expect(resolveRoots(['\ufffd', 'link'], cwd)).rejects.toThrow(
      '\ufffd has, or leads to, a name that is not valid UTF-8, where there is a \ufffd; link has, or leads to',
    );
  });

  test('names every invalid entry and the variable', async () => {
    const cwd = tempDir();
    writeFileSync(join(cwd, 'film.mp4'), 'x');
    await expect(resolveRoots(['gone', cwd, '', 'film.mp4'], cwd)).rejects.toMatchObject({
      name: 'SourceError',
      code: 'SOURCE_ROOTS_INVALID',
      retryable: false,
      message:
        'SOURCE_ROOTS must name existing directories, joined by colons: ' +
        'gone does not exist; an entry is empty; film.mp4 is not a directory',
    });
  });
});
