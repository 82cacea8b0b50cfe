import { SandboxError } from '../errors/sandbox-error.ts';

export type NodeSqlite = typeof import('node:sqlite');

let loaded: NodeSqlite | undefined;

/** Node's own SQLite, loaded when it is first needed. Some Node versions print that it is experimental: whoever runs a command has no use for that. */
export function nodeSqlite(): NodeSqlite {
  loaded ??= withoutItsWarning(() => process.getBuiltinModule('node:sqlite'));
  // Node can be built without it.
  if (loaded === undefined) throw new SandboxError('UNSUPPORTED', 'this Node was built without SQLite');
  return loaded;
}

/** Only while the module is loaded, which is done before anything else can run, and only that one warning. */
function withoutItsWarning<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
    if (!/\bSQLite\b.*\bexperimental\b/i.test(String(warning))) emitWarning.call(process, warning, ...rest);
  }) as typeof emitWarning;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
