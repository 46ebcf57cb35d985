import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Context } from 'hono';

const TYPES = {
  'uploads.css': 'text/css; charset=utf-8',
  'uploads.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

type Name = keyof typeof TYPES;

export interface Assets {
  /** The URL of an asset; it contains a hash of the content. */
  url(name: string): string;
  /** Answers a request for an asset; 404 for an unknown name. */
  serve(context: Context, name: string): Response;
}

/** Loads the style sheet, script and icon of the pages once; browsers cache them until they change. */
export function loadAssets(basePath: string): Assets {
  const load = (name: Name) => {
    const body = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
    return { body, hash: createHash('sha256').update(body).digest('hex').slice(0, 16) };
  };
  const names = Object.keys(TYPES) as Name[];
  const loaded = new Map<string, ReturnType<typeof load>>(names.map((name) => [name, load(name)]));
  return {
    url: (name) => `${basePath}/${name}?v=${loaded.get(name)?.hash}`,
    serve: (context, name) => {
      const asset = loaded.get(name);
      if (asset === undefined) return context.text('not found\n', 404);
      const etag = `"${asset.hash}"`;
      const current = context.req.query('v') === asset.hash;
      context.header('etag', etag);
      context.header('cache-control', current ? 'private, max-age=31536000, immutable' : 'no-cache');
      if (context.req.header('if-none-match') === etag) return context.body(null, 304);
      return context.body(asset.body, 200, { 'content-type': TYPES[name as Name] });
    },
  };
}
