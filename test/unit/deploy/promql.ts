/** What an expression asks for: one series by name, and its label matchers. */
interface Selector {
  readonly name: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

export interface Asked {
  readonly selectors: readonly Selector[];
  /** Labels in `by (…)`, `on (…)` and the like. */
  readonly groupedBy: readonly string[];
}

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'Inf', 'NaN']);
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
/** A name, and the matchers or the parenthesis after it. */
const NAME = /(?<![\w:.])([a-zA-Z_:][\w:]*)\s*(\(|\{([^}]*)\})?/g;
const MATCHER = /(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g;

/** Names and labels in an expression that promtool has found valid; this is no parser of PromQL. */
export function whatIsAsked(expression: string): Asked {
  const groupedBy = [...expression.matchAll(GROUPING)].flatMap(([, list = '']) => list.match(/\w+/g) ?? []);
  const text = expression
    .replace(GROUPING, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    // Strings that are a function's arguments hold no names; those in matchers stay.
    .replace(/\{[^}]*\}|"[^"]*"/g, (found) => (found.startsWith('{') ? found : ' '));
  const selectors = [...text.matchAll(NAME)].flatMap(([, name = '', after, matchers = '']) => {
    if (after === '(' || WORDS.has(name)) return [];
    return [
      {
        name,
        matchers: [...matchers.matchAll(MATCHER)].map(([, label = '', value = '']) => ({
          label,
          values: value.split('|').filter((one) => one !== ''),
        })),
      },
    ];
  });
  return { selectors, groupedBy };
}
