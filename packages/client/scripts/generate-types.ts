// Writes src/types.ts from the OpenAPI document that the service gives.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The parts of JSON Schema that the document has. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

const header = `// Made by packages/client/scripts/generate-types.ts from the OpenAPI document of the service: change that.
`;

/** TypeScript for all named schemas of a document. Pure. */
export function typesOf(document: { readonly components?: { readonly schemas?: unknown } }): string {
  const schemas = (document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  const types = Object.entries(schemas)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, schema]) => `${comment(schema, '')}${declaration(name, schema)}`);
  return `${header}\n${types.join('\n\n')}\n`;
}

function declaration(name: string, schema: Schema): string {
  const text = typeOf(schema, '');
  return text.startsWith('{') && schema.anyOf === undefined
    ? `export interface ${name} ${text}`
    : `export type ${name} = ${text};`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  const kinds = Array.isArray(schema.type) ? schema.type : [schema.type];
  return kinds.map((kind) => ofKind(kind, schema, indent)).join(' | ');
}

function ofKind(kind: string | undefined, schema: Schema, indent: string): string {
  if (kind === 'integer') return 'number';
  if (kind === 'array') {
    const item = typeOf(schema.items ?? {}, indent);
    return `readonly ${/[ {]/.test(item) ? `(${item})` : item}[]`;
  }
  if (kind !== 'object') return kind ?? 'unknown';
  const { properties, additionalProperties: more } = schema;
  if (properties === undefined)
    return `Readonly<Record<string, ${typeof more === 'object' ? typeOf(more, indent) : 'unknown'}>>`;
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, property]) => {
    const required = schema.required?.includes(name);
    const text = typeOf(property, inner) + (required ? '' : ' | undefined');
    return `${comment(property, inner)}${inner}readonly ${name}${required ? '' : '?'}: ${text};`;
  });
  const open = typeof more === 'object' || more === true ? [`${inner}readonly [key: string]: unknown;`] : [];
  return `{\n${[...lines, ...open].join('\n')}\n${indent}}`;
}

const literal = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value));

const comment = ({ description }: Schema, indent: string) =>
  description === undefined ? '' : `${indent}/** ${description} */\n`;

export const typesFile = fileURLToPath(new URL('../src/types.ts', import.meta.url));

/** The types as they stand in the package, less what only the formatter sees to. */
export const asWritten = () => readFileSync(typesFile, 'utf8');

if (import.meta.main) {
  const [, , url = 'http://127.0.0.1:7070'] = process.argv;
  const response = await fetch(`${url}/openapi.json`);
  writeFileSync(typesFile, typesOf((await response.json()) as object));
}
