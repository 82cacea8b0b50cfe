import fc from 'fast-check';

/** The parts of JSON Schema that the service's document has. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly pattern?: string;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** By content type. */
  readonly bodies: Readonly<Record<string, Schema>>;
  readonly statuses: readonly string[];
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface RawOperation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: object;
}

export function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, RawOperation>).map(([method, raw]) => ({
      ...{ operationId: raw.operationId, method: method.toUpperCase(), path },
      parameters: raw.parameters ?? [],
      bodies: Object.fromEntries(
        Object.entries(raw.requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema]),
      ),
      statuses: Object.keys(raw.responses),
    })),
  );
}

/** Texts that have broken programs before. */
export const nasty = fc.oneof(
  fc.constantFrom(
    ...[
      '',
      ' ',
      '.',
      '..',
      '/',
      '../../etc/passwd',
      '/etc/passwd',
      '/proc/self/mem',
      '\0',
      'a\0b',
      '\n',
      '%00',
      '%2e%2e%2f',
    ],
    ...[
      '$(id)',
      '`id`',
      "';--",
      '__proto__',
      'constructor',
      'null',
      '-1',
      'NaN',
      '💥',
      '\u202e',
      '\ud800',
      '\ufeff',
    ],
    ...['x'.repeat(300), 'd/'.repeat(50), 'x'.repeat(70_000)],
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ maxLength: 30 }),
);

const anything = fc.oneof(
  nasty,
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, false, [], {}, 0, -1, 1e308, 2 ** 53),
  fc.jsonValue({ maxDepth: 2 }),
);

/** What a schema allows, and near misses: something else in its place, keys left out, keys too many. `known` has values that lead somewhere. */
export function instanceOf(
  schema: Schema,
  document: Document,
  known: Readonly<Record<string, readonly unknown[]>> = {},
): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: allowed(schema, document, known) },
    { weight: 1, arbitrary: anything },
  );
}

function allowed(
  schema: Schema,
  document: Document,
  known: Readonly<Record<string, readonly unknown[]>>,
): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    return instanceOf(document.components.schemas[name] ?? {}, document, known);
  }
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined)
    return fc.oneof(...schema.anyOf.map((one) => instanceOf(one, document, known)));
  const [type] = [schema.type].flat();
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number')
    return fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.double());
  if (type === 'null') return fc.constant(null);
  if (type === 'array') return fc.array(instanceOf(schema.items ?? {}, document, known), { maxLength: 4 });
  if (type === 'object') return objectOf(schema, document, known);
  return nasty;
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: Schema,
  document: Document,
  known: Readonly<Record<string, readonly unknown[]>>,
): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, property]) => {
    const value = instanceOf(property, document, known);
    const leading = known[name];
    return [
      name,
      leading === undefined
        ? value
        : fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...leading) }, { weight: 1, arbitrary: value }),
    ] as const;
  });
  if (fields.length === 0)
    return fc.dictionary(nasty, typeof additionalProperties === 'object' ? nasty : anything, { maxKeys: 3 });
  // Most of what is not required is left out, or nothing would ever get through.
  const optional = fields.filter(([name]) => !required.includes(name));
  const must = fields.filter(([name]) => required.includes(name));
  return fc
    .tuple(
      fc.record(Object.fromEntries(must)),
      fc.subarray(optional, { maxLength: 2 }).chain((some) => fc.record(Object.fromEntries(some))),
      fc.oneof(
        { weight: 15, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.dictionary(nasty, anything) },
      ),
    )
    .map((parts) => Object.assign({}, ...parts));
}
