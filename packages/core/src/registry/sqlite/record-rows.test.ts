import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { SandboxRecord } from '../registry.ts';
import { recordOf, rowOf, rowsOf } from './record-rows.ts';

test('rows are the same from a Node that cannot give arrays', () => {
  const at = new Date(1_000);
  const record: SandboxRecord = {
    name: 'sandbox-web',
    runtime: 'docker',
    lifecycle: 'long-lived',
    workspace: '/w',
    user: 'ann',
    trust: 'full',
    instance: 'i',
    createdAt: at,
    lastUsedAt: new Date(2_000),
    lastUsedBoot: { bootId: 'b', elapsedMs: 3 },
    mark: { at: new Date(4_000), boot: { bootId: 'c', elapsedMs: 5 } },
    condemned: true,
  };
  const row = rowOf(record);
  const database = new DatabaseSync(':memory:');
  const columns = Object.keys(row);
  database.exec(`CREATE TABLE sandboxes (${columns.join(', ')})`);
  const places = columns.map(() => '?').join(', ');
  database.prepare(`INSERT INTO sandboxes VALUES (${places})`).run(...Object.values(row));
  const order = [
    ...['name', 'runtime', 'lifecycle', 'workspace', 'user', 'trust', 'instance', 'created_at'],
    ...['last_used_at', 'last_used_boot', 'last_used_elapsed', 'marked_at', 'marked_boot', 'marked_elapsed'],
  ];
  const statement = () => database.prepare(`SELECT ${order.join(', ')}, condemned FROM sandboxes`);
  const objects = statement();
  for (const rows of [rowsOf(statement()), rowsOf({ all: () => objects.all() })])
    expect(rows.map(recordOf)).toEqual([record]);
  database.close();
});
