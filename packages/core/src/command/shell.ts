import { SandboxError } from '../errors/sandbox-error.ts';
import { type ShellContext, ShellReader } from './shell-context.ts';
import type { ExecOptions, ExecResult, Shell, ShellValue } from './types.ts';

type Exec = (command: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

/** The `shell` of a sandbox: a tag, or a function that takes options and returns one. */
export function createShell(exec: Exec): Shell {
  const tag =
    (options: ExecOptions | undefined) =>
    async (strings: TemplateStringsArray, ...values: readonly ShellValue[]): Promise<ExecResult> =>
      exec(['sh', '-c', shellScript(strings, values)], options);
  const plain = tag(undefined);
  function shell(strings: TemplateStringsArray, ...values: readonly ShellValue[]): Promise<ExecResult>;
  function shell(options: ExecOptions): ReturnType<typeof tag>;
  function shell(first: TemplateStringsArray | ExecOptions, ...values: readonly ShellValue[]) {
    if (isTemplate(first)) return plain(first, ...values);
    if (typeof first === 'object' && first !== null && !Array.isArray(first)) return tag(first);
    throw invalid(
      'shell is a template tag',
      "Write sandbox.shell`ls -l`, or exec(['sh', '-c', script]) for a script in a variable.",
    );
  }
  return shell;
}

/**
 * The script as it is written, with each value put in so that the shell takes it as it is: between quotes or not. A
 * backslash is a backslash; only those that a template cannot do without (before a backquote and before `${`) are dropped.
 */
export function shellScript(strings: TemplateStringsArray, values: readonly ShellValue[]): string {
  const reader = new ShellReader();
  let script = '';
  strings.raw.forEach((raw, index) => {
    if (index > 0) {
      script += words(values[index - 1], reader.context);
      reader.value();
    }
    const text = raw.replace(/\\(`|\$\{)/g, '$1');
    reader.text(text);
    script += text;
  });
  return script;
}

function words(value: ShellValue | undefined, context: ShellContext): string {
  if (Array.isArray(value)) return (value as readonly unknown[]).map((item) => word(item, context)).join(' ');
  return word(value, context);
}

function word(value: unknown, context: ShellContext): string {
  if (typeof value !== 'string' && typeof value !== 'number') {
    const what = value === null || value === undefined ? String(value) : `of type ${typeof value}`;
    throw invalid(`a value in a shell script is ${what}`, 'give strings, numbers, or arrays of them');
  }
  const text = String(value);
  if (text.includes('\0')) throw invalid('a value in a shell script contains a NUL byte');
  if (/^[A-Za-z0-9_./:@%+,-]+$/.test(text)) return text;
  switch (context) {
    case 'plain':
      return `'${text.replaceAll("'", `'\\''`)}'`;
    case 'single':
      return text.replaceAll("'", `'\\''`);
    case 'double':
      return text.replace(/[\\"$`]/g, '\\$&');
    case 'opaque':
      throw invalid(
        `${JSON.stringify(text)} stands in a part of the script (a comment, a here-document, backquotes, $'…' or arithmetic) where it cannot be quoted safely`,
        'give it as stdin or env, or use $(…) in the place of backquotes',
      );
  }
}

function invalid(message: string, hint?: string): SandboxError {
  return new SandboxError('INVALID_ARGUMENT', message, { operation: 'shell', hint });
}

function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && Array.isArray((value as { raw?: unknown }).raw);
}
