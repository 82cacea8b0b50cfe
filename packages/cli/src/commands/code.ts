import { open } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Sandbox, Sandboxes } from '@sandbox/core';
import type { Language } from '@sandbox/languages';
import type { Command } from 'commander';
import type { CliIo, InputStream } from '../cli-io.ts';
import { type CommandContext, languagesOf } from '../command-context.ts';
import { type CommandFlags, declareRunOptions } from '../execution/options.ts';
import { type ObtainOptions, perform } from '../execution/perform.ts';
import { type CommandRequest, toRunRequest } from '../execution/request.ts';
import { UsageError } from '../usage-error.ts';

interface CodeFlags extends CommandFlags {
  readonly language: string;
  /** False with --no-check. */
  readonly check: boolean;
}

/** More than anybody writes. */
const MAX_CODE_BYTES = 16 * 2 ** 20;

const examples = (name: string) => `
Without FILE, or with -, the code comes from stdin. With FILE, stdin is the code's. Options end at FILE.
It lies and runs in /sandbox. What looks wrong or dangerous in it is told, and it runs all the same. The image of a language is built once: ${name} images build python.

Examples:
  echo 'print(6 * 7)' | ${name} code --language python
  ${name} code --language node server-check.js --verbose
  ${name} code --language go --memory 1g --timeout 30s main.go < input.txt
  ${name} code --language python --json -

Exit codes: those of ${name} run.
`;

export function declareCode(program: Command, context: CommandContext): void {
  const command = program
    .command('code')
    .description('run a piece of code in a sandbox of its own, and remove it')
    .usage('--language LANG [options] [FILE|-] [ARG...]')
    .argument('[FILE]', 'the code (default: stdin)')
    .argument('[ARG...]', 'what the code gets, passed on byte for byte')
    .passThroughOptions()
    .addHelpText('after', examples(context.name));
  command.optionsGroup('What it is:');
  command.requiredOption('--language <name>', `such as python, node, typescript, java, go, ruby, php, bash`);
  command.option('--no-check', 'do not look for mistakes, dangerous calls and secrets in it');
  declareRunOptions(command, { image: 'that of the language', workdir: '/sandbox' });
  command.action(
    context.exits((file: string | undefined, args: readonly string[], flags: CodeFlags) =>
      code(file, args, flags, context),
    ),
  );
}

async function code(
  file: string | undefined,
  args: readonly string[],
  flags: CodeFlags,
  context: CommandContext,
): Promise<number> {
  const [{ languageNamed }, { GUEST_SCRATCH }, languages] = await Promise.all([
    import('@sandbox/languages'),
    import('@sandbox/core'),
    languagesOf(context),
  ]);
  const language = languageNamed(languages, flags.language);
  const fromStdin = file === undefined || file === '-';
  if (fromStdin && flags.tty)
    throw new UsageError(
      '--tty needs a FILE',
      'Its input is the terminal, so the code has to come from elsewhere.',
    );
  await checkPull(language, flags, context);
  const source = fromStdin ? await readStdin(context.io) : await readSource(file, context.io.cwd);
  const advice = flags.check ? adviceOn(language, source) : undefined;
  // By its whole path for who starts elsewhere.
  const target = path.posix.join(flags.workdir === undefined ? '' : GUEST_SCRATCH, language.fileName);
  const words = language.command(target, args);
  return perform(
    {
      words,
      flags,
      toRequest(requestContext) {
        const request = toRunRequest(words, flags, requestContext);
        const env = { ...language.env, ...request.env };
        return { ...request, env, workdir: flags.workdir ?? GUEST_SCRATCH };
      },
      runtimes: 'asked-for',
      advice,
      obtain: (sandboxes, request, options) => obtain(sandboxes, request, { ...options, language, source }),
    },
    fromStdin ? { ...context, io: { ...context.io, stdin: Readable.from([]) as InputStream } } : context,
  );
}

/** What is found in the code, while its sandbox is made. */
async function adviceOn(language: Language, source: Uint8Array): Promise<readonly string[]> {
  const { id, checks = id, fileName } = language;
  try {
    const { checkCode, formatCodeWarning } = await import('@sandbox/code-checks');
    const code = new TextDecoder().decode(source);
    return (await checkCode({ language: checks, code, path: fileName })).map(formatCodeWarning);
  } catch (error) {
    return [`the code was not checked: ${(error as Error).message}`];
  }
}

async function checkPull(
  language: Language,
  { pull = 'never', image }: CodeFlags,
  { name }: CommandContext,
): Promise<void> {
  const { isBuilt } = await import('@sandbox/languages');
  if (pull === 'never' || image !== undefined || !isBuilt(language)) return;
  throw new UsageError(
    `--pull ${pull}: the image for ${language.id} is built, and in no registry`,
    `Build it: ${name} images build ${language.id}`,
  );
}

/** A sandbox with the code in it. */
async function obtain(
  sandboxes: Sandboxes,
  { runtime, image, pull, policy, workspace, workdir }: CommandRequest,
  given: ObtainOptions & { readonly language: Language; readonly source: Uint8Array },
): Promise<Sandbox> {
  const { language, source, ...options } = given;
  const { languageFailure, languageOptions } = await import('@sandbox/languages');
  const { GUEST_SCRATCH } = await import('@sandbox/core');
  const made = { pull, ...languageOptions(language, image) };
  const sandbox = await sandboxes
    .create({ runtime, ...made, policy, workspace, workdir, purpose: { language: language.id }, ...options })
    .catch((error) => {
      throw languageFailure(language, error, image);
    });
  try {
    const target = path.posix.join(GUEST_SCRATCH, language.fileName);
    await sandbox.files.write(target, source, { signal: options.signal });
    return sandbox;
  } catch (error) {
    await sandbox.remove().catch(() => {});
    throw error;
  }
}

async function readSource(file: string, cwd: string): Promise<Uint8Array> {
  try {
    await using handle = await open(path.resolve(cwd, file));
    return await bounded(handle.createReadStream({ autoClose: false, end: MAX_CODE_BYTES }), file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`,
      'Name a file with code, or - for stdin.',
      code === 'ENOENT' ? 'NOT_FOUND' : undefined,
    );
  }
}

function readStdin({ stdin }: CliIo): Promise<Uint8Array> {
  return bounded(Readable.from(stdin as AsyncIterable<Uint8Array>), 'stdin');
}

async function bounded(source: Readable, what: string): Promise<Uint8Array> {
  let length = 0;
  const counted = source.map((chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_CODE_BYTES)
      throw new UsageError(
        `${what} is more than ${MAX_CODE_BYTES / 2 ** 20} MiB of code`,
        'Mount data with --workspace.',
      );
    return chunk;
  });
  return buffer(counted);
}
