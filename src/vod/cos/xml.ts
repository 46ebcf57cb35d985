import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** A document: the name of its root, and the root's elements by name. Texts are strings; lists have all their elements. */
export interface XmlDocument {
  readonly root: string;
  readonly fields: unknown;
}

/** Elements that are lists, also when there is one. */
const LISTS: readonly string[] = ['Part', 'Upload'];

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The five entities of XML, and characters by their number. Others stay as they are: none is ever defined. */
function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const codePoint = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : whole;
  });
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  processEntities: false,
  isArray: (name) => LISTS.includes(name),
  tagValueProcessor: (_, text) => decodeEntities(text),
});

/**
 * Parses a reply of COS, whose XML may come after spaces and line feeds.
 * @returns undefined if it is not one complete document, or has a DOCTYPE, which COS never sends
 */
export function parseXml(text: string): XmlDocument | undefined {
  const xml = text.trim();
  if (!xml.startsWith('<') || /<!(DOCTYPE|ENTITY)/i.test(xml)) return undefined;
  try {
    if (XMLValidator.validate(xml) !== true) return undefined;
    const [root, ...others] = Object.entries(parser.parse(xml) as Record<string, unknown>);
    if (root === undefined || others.length > 0) return undefined;
    return { root: root[0], fields: root[1] };
  } catch {
    return undefined;
  }
}

/** Text as the content of an element. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
