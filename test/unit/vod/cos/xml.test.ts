import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeXml, parseXml } from '../../../../src/vod/cos/xml.ts';
import { codePoint } from '../../code-point.ts';

describe('parseXml', () => {
  test.each([
    ['a declaration', '<?xml version="1.0" encoding="UTF-8"?><A><B>1</B></A>'],
    ['spaces and line feeds before it', ' \n \n<?xml version="1.0"?>\n<A>\n  <B> 1 </B>\n</A>\n'],
    ['a byte order mark', '\ufeff<A><B>1</B></A>'],
    ['attributes and a namespace', '<A xmlns="http://www.qcloud.com/document"><B type="x">1</B></A>'],
    ['a comment', '<A><!-- <B>2</B> --><B>1</B></A>'],
    ['CDATA', '<A><B><![CDATA[1]]></B></A>'],
  ])('reads a document with %s', (_, text) => {
    expect(parseXml(text)).toEqual({ root: 'A', fields: { B: '1' } });
  });

  test('never takes a text for a number', () => {
    expect(parseXml('<A><B>0012345678901234567890</B><C>true</C></A>')?.fields).toEqual({
      B: '0012345678901234567890',
      C: 'true',
    });
  });

  test('has a list for one part, and none for no part', () => {
    expect(parseXml('<A><Part><N>1</N></Part></A>')?.fields).toEqual({ Part: [{ N: '1' }] });
    expect(parseXml('<A><Part><N>1</N></Part><Part><N>2</N></Part></A>')?.fields).toEqual({
      Part: [{ N: '1' }, { N: '2' }],
    });
    expect(parseXml('<A></A>')).toEqual({ root: 'A', fields: '' });
  });

  test('decodes the five entities and numbers, once; others stay as they are', () => {
    const fields = (text: string) => parseXml(`<A><B>${text}</B></A>`)?.fields;
    expect(fields('&quot;e&quot;&amp;lt;&#x34;&#53;&lt;&gt;&apos;')).toEqual({ B: '"e"&lt;45<>\'' });
    expect(fields('&other;&#x110000;&#9999999;')).toEqual({ B: '&other;&#x110000;&#9999999;' });
  });

  test.each([
    ['nothing', ''],
    ['spaces', ' \n '],
    ['a text', 'busy'],
    ['JSON', '{"Code":"x"}'],
    ['HTML', '<!DOCTYPE html><html><body>login</body></html>'],
    ['HTML that is no XML', '<html><br></html>'],
    ['a document that is cut within an element', '<A><B>1</B'],
    ['a document that is cut between elements', '<A><B>1</B>'],
    ['a document that is cut before its last character', '<A><B>1</B></A'],
    ['two documents', '<A>1</A><B>2</B>'],
    ['a DOCTYPE', '<!DOCTYPE A [<!ENTITY b "x">]><A>&b;</A>'],
    ['an external entity', '<!DOCTYPE A SYSTEM "file:///etc/passwd"><A/>'],
    ['only a declaration', '<?xml version="1.0"?>'],
  ])('%s is no document', (_, text) => {
    expect(parseXml(text)).toBeUndefined();
  });

  test('returns any text that was escaped', () => {
    // XML has no control characters, and spaces around a text are not part of it.
    const text = fc.string({ unit: codePoint }).filter((one) => !/\p{Cc}/u.test(one) && one === one.trim());
    fc.assert(
      fc.property(text, (one) => {
        expect(parseXml(`<A><B>${escapeXml(one)}</B></A>`)?.fields).toEqual({ B: one });
      }),
    );
  });

  test('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      '<',
      '>',
      '</',
      'A',
      '<A>',
      '</A>',
      '&',
      ';',
      '<!',
      '[',
      ']]>',
      '<?',
      '"',
      ' ',
      '__proto__',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (list) => {
        parseXml(`<${list.join('')}`);
      }),
      { numRuns: 2000 },
    );
  });

  test('deep nesting does not overflow the stack', () => {
    const deep = `${'<A>'.repeat(50_000)}${'</A>'.repeat(50_000)}`;
    expect(() => parseXml(deep)).not.toThrow();
  });
});
