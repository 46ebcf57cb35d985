import { describe, expect, it } from 'vitest';
import { seedInitializing, seedParts, seedQueued } from '../support/seed.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();
const ops = useOps(world);

const get = async (path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${ops().url}/uploads${path}`);
  return { status: response.status, text: await response.text() };
};

const rowsOf = (text: string): number => text.match(/<tr id="upload-/g)?.length ?? 0;

describe('thousands', () => {
  it('of uploads under way are shown and searched', async () => {
    const ids = await seedQueued(world(), 10_000);
    await seedInitializing(world(), ids);
    for (const [query, rows, summary] of [
      ['', 50, 'Uploads 1 to 50 of 10,000.'],
      ['?page=200', 50, 'Uploads 9,951 to 10,000 of 10,000.'],
      ['?state=failed', 0, 'No uploads to show.'],
      ['?search=number+9999', 1, 'Uploads 1 to 1 that match “number 9999”.'],
      ['?search=zebra', 0, 'No uploads to show.'],
      [`?search=${ids[5000]}`, 1, `Uploads 1 to 1 that match “${ids[5000]}”.`],
    ] as const) {
      const { status, text } = await get(query);
      expect({ query, status, rows: rowsOf(text) }).toEqual({ query, status: 200, rows });
      expect(text).toContain(summary);
    }
  });

  it('of parts are shown, on a page that stays small', async () => {
    const [id = ''] = await seedQueued(world(), 1);
    await seedParts(world(), id, { count: 10_000, sent: 4000 });
    const { status, text } = await get(`/${id}`);
    expect(status).toBe(200);
    expect(text).toContain('4,000 sent, 1 being sent, 5,998 waiting, 1 to be retried');
    expect(text.length).toBeLessThan(30_000);
  });
});
