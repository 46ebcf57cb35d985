import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../support/process.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const dockerfile = read('deploy/Dockerfile');
/** The instructions, each on one line, by the stages that they are in. */
const stages = dockerfile
  .replace(/\\\n\s*/g, '')
  .split(/^(?=FROM )/m)
  .map((stage) => stage.split('\n').filter((line) => /^[A-Z]+ /.test(line)));
const last = stages.at(-1) ?? [];

describe('the Dockerfile', () => {
  it('has the Node that tests run on', () => {
    const [, version] = /^ARG NODE_IMAGE=node:([\d.]+)-/m.exec(dockerfile) ?? [];
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> };
    expect(version).toBe(lock.packages['node_modules/node']?.version);
  });

  it('is given everything that it copies, and nothing else', () => {
    const copied = stages
      .flat()
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(' ').slice(1, -1));
    const [first, ...given] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(first).toBe('*');
    expect(given.map((line) => line.replace(/^!/, '')).sort()).toEqual([...new Set(copied)].sort());
  });

  it('runs Node as process 1, as nobody, with the arguments of vod-upload', () => {
    expect(last).toContain('ENTRYPOINT ["node", "/app/dist/src/cli.js"]');
    expect(last).toContain('USER 65532:65532');
    expect(last.findIndex((line) => line.startsWith('USER'))).toBeGreaterThan(
      last.findLastIndex((line) => line.startsWith('RUN')),
    );
  });

  it('takes what the lock file says, and no development dependencies into the image', () => {
    const installs = stages.flat().filter((line) => line.includes('npm ') && !line.includes('npm run build'));
    expect(installs).toHaveLength(2);
    for (const line of installs) expect(line).toMatch(/^RUN npm ci --?/);
    expect(installs.filter((line) => line.includes('--omit=dev'))).toHaveLength(1);
    expect(last.filter((line) => line.includes('/node_modules'))).toEqual([
      'COPY --from=dependencies /app/node_modules /app/node_modules',
    ]);
  });
});
