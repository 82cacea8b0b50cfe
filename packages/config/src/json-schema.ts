import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The schema of the file for editors, as `sandbox.schema.json` has it. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7', reused: 'inline' });
  return { ...schema, title: 'sandbox.toml' };
}
