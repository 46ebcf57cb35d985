import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkName,
  checkType,
  deriveName,
  isUsualType,
  missingTypeProblem,
} from '../../../src/upload/name.ts';

describe('checkName', () => {
  test.each([
    'launch',
    'a',
    'Übergrößenträger',
    '発表会 2024',
    'x'.repeat(40),
    'é'.repeat(20),
    'a.b|c',
    '🎬'.repeat(10),
  ])('accepts %j', (name) => expect(checkName(name)).toBeUndefined());

  test.each([
    ['', 'name is empty; it needs at least 1 visible character'],
    [' \u3000', 'name is empty; it needs at least 1 visible character'],
    ['x'.repeat(41), 'name is 41 bytes in UTF-8; at most 40 are allowed'],
    ['発表会'.repeat(5), 'name is 45 bytes in UTF-8; at most 40 are allowed'],
    ['a/b', 'name contains / which is not allowed; nor are \\ / : * ? " < >'],
    ['a\nb', 'name contains the unprintable character U+000A'],
    ['a\u0085b', 'name contains the unprintable character U+0085'],
    ['a\ud83cb', 'name contains the unprintable character U+D83C'],
    ['\udfac', 'name contains the unprintable character U+DFAC'],
  ])('refuses %j', (name, words) => expect(checkName(name)).toBe(words));

  test.each([...'\\/:*?"<>'])('refuses %s anywhere', (character) => {
    for (const name of [`${character}ab`, `a${character}b`, `ab${character}`]) {
      expect(checkName(name)).toContain(`name contains ${character} which`);
    }
  });
});

describe('checkType', () => {
  test.each(['mp4', 'mov', 'ts', 'mp3', '3gp', 'divx', 'm4s', 'qt', 'ra', 'f4p', '0123456789'])(
    'takes %s, which VOD may know',
    (type) => expect(checkType(type)).toBeUndefined(),
  );

  test.each(['', 'MP4', '.mp4', 'mp4 ', 'm-4', 'x'.repeat(21), 'mp4\n', '视频', '%2e', '../a'])(
    'refuses %j and says what is allowed',
    (type) => {
      expect(checkType(type)).toBe(
        `type ${JSON.stringify(type)} is invalid; it must be an extension of 1 to 20 letters and digits, such as mp4`,
      );
    },
  );

  test('distinguishes usual types from others', () => {
    for (const type of ['mp4', 'mov', 'mkv', 'flv', 'ts', 'mp3']) expect(isUsualType(type), type).toBe(true);
    for (const type of ['exe', 'divx', 'mp', '']) expect(isUsualType(type), type).toBe(false);
  });
});

describe('deriveName', () => {
  test.each([
    ['/srv/films/launch.mp4', 'launch', 'mp4', false],
    ['launch.final.MP4', 'launch.final', 'mp4', false],
    ['/srv/v1.2/launch', 'launch', undefined, false],
    ['/srv/.mp4', '.mp4', undefined, false],
    ['launch.', 'launch.', undefined, false],
    ['what? a "film": part*1.mov', 'what_ a _film__ part_1', 'mov', true],
    ['tab\there\u007f.mp4', 'tab_here_', 'mp4', true],
    ['half\ud83c.mp4', 'half_', 'mp4', true],
    ['  launch  .mp4', 'launch', 'mp4', true],
    [`${'x'.repeat(41)}.mp4`, 'x'.repeat(40), 'mp4', true],
    [`${'x'.repeat(39)} y.mp4`, 'x'.repeat(39), 'mp4', true],
    [`${'x'.repeat(39)}é.mp4`, 'x'.repeat(39), 'mp4', true],
    [`${'発'.repeat(14)}.mp4`, '発'.repeat(13), 'mp4', true],
    [`${'x'.repeat(38)}e\u0301.mp4`, 'x'.repeat(38), 'mp4', true],
    [`${'x'.repeat(20)}👨‍👩‍👧‍👦.mp4`, 'x'.repeat(20), 'mp4', true],
    [`e${'\u0301'.repeat(40)}.mp4`, 'video', 'mp4', true],
    [' .mp4', 'video', 'mp4', true],
    ['', 'video', undefined, true],
    ['/', 'video', undefined, true],
  ])('of %j is %j, type %j', (path, name, type, altered) => {
    expect(deriveName(path)).toEqual({ name, type, altered });
  });

  test('always satisfies checkName, and keeps a name that does', () => {
    const anyUnits = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const names = fc.oneof(
      anyUnits,
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.string({ maxLength: 60 }),
    );
    fc.assert(
      fc.property(names, (rest) => {
        const own = `v${rest.replaceAll('/', ':')}`;
        const { name, altered } = deriveName(`/srv/films/${own}.mp4`);
        expect(checkName(name)).toBeUndefined();
        if (checkName(own) === undefined && own.trim() === own) expect([name, altered]).toEqual([own, false]);
        expect(altered).toBe(name !== own);
      }),
      { numRuns: 1000 },
    );
  });

  test('shortens to whole graphemes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'é', 'e\u0301', '発', '🎬', '👨‍👩‍👧‍👦', '🇨🇳'), {
          minLength: 1,
          maxLength: 40,
        }),
        (graphemes) => {
          const { name } = deriveName(`${graphemes.join('')}.mp4`);
          let kept = 0;
          while (graphemes.slice(0, kept).join('') !== name && kept <= graphemes.length) kept++;
          if (name !== 'video') expect(graphemes.slice(0, kept).join('')).toBe(name);
          const next = graphemes[kept];
          if (next !== undefined) expect(Buffer.byteLength(name + next)).toBeGreaterThan(40);
        },
      ),
    );
  });
});

describe('the advice for a file without a type', () => {
  test.each([
    ['/srv/talk', 'type must be given, such as mp4, because /srv/talk has no extension'],
    [
      '/srv/.mp4',
      'type must be given, such as mp4, because /srv/.mp4 has no extension: a name that begins with a dot is that of a ' +
        'hidden file. Rename it (video.mp4), or give a type',
    ],
  ])('of %s fits it', (path, advice) => {
    expect(missingTypeProblem(path)).toBe(advice);
  });
});
