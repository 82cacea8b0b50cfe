import type { SandboxDetails, Sandboxes } from '@sandbox/core';
import type { Command } from 'commander';
import { write } from '../cli-io.ts';
import { type CommandContext, jsonOption, runtimeOption } from '../command-context.ts';
import { EXIT } from '../exit-code.ts';
import { type Failure, failureOf, failureText } from '../failure.ts';
import { withSandboxes } from '../open-sandboxes.ts';
import { type Paint, painter, type Style } from '../output/colors.ts';
import { printable } from '../output/printable.ts';
import { age, bytes, time } from '../output/quantities.ts';
import { table } from '../output/table.ts';
import { print, printJson } from '../print.ts';
import { configOption } from '../settings.ts';
import { tellAdopted } from './cleanup.ts';

interface LsFlags {
  readonly runtime?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function declareLs(program: Command, context: CommandContext): void {
  program
    .command('ls')
    .description('list sandboxes')
    .addOption(runtimeOption())
    .addOption(configOption())
    .addOption(jsonOption('the list'))
    .addHelpText(
      'after',
      `\nSIZE is what a sandbox has written outside of its volumes and its workspace, where the runtime can tell. A * marks the idle time of one that cleanup keeps for its owner's trust. In the place of a workspace a task has PROJECT/TASK. Of one that is missing only the home is left: ${context.name} exec makes it again with it, ${context.name} rm removes it.\n\nExamples:\n  ${context.name} ls\n  ${context.name} ls --json | jq -r '.[].name'\n`,
    )
    .action(
      context.exits(async ({ json, ...flags }: LsFlags) => {
        const unavailable: Failure[] = [];
        const list = await withSandboxes(context, flags, async (sandboxes) => {
          await tellAdopted(await sweep(sandboxes), context);
          return sandboxes.list({
            sizes: true,
            onUnavailable: (reason) => unavailable.push(failureOf(reason)),
          });
        });
        if (json) await printJson(context, list);
        else await print(context, listTable(list, new Date(), painter(context.io.stdout, context.io.env)));
        for (const failure of unavailable) {
          await write(context.io.stderr, failureText(failure, `${context.name}: warning`));
        }
        return EXIT.ok;
      }),
    );
}

const SWEEP_MS = 10_000;

/**
 * What every program does at a runtime that it begins to use, done before the list is made. Whatever goes wrong is not the business of the command that looked. Returns what the registry
 * did not know.
 */
async function sweep(sandboxes: Sandboxes): Promise<readonly string[]> {
  const options = { mode: 'automatic', signal: AbortSignal.timeout(SWEEP_MS) } as const;
  return sandboxes.cleanup(options).then(
    ({ adopted }) => adopted,
    () => [],
  );
}

const STATE_STYLE: Partial<Record<SandboxDetails['state'], Style>> = { running: 'good', missing: 'poor' };

export function listTable(list: readonly SandboxDetails[], now: Date, paint: Paint): string {
  if (list.length === 0) return 'no sandboxes\n';
  const heading = ['NAME', 'RUNTIME', 'STATE', 'LIFECYCLE', 'OWNER', 'AGE', 'IDLE', 'SIZE', 'WORKSPACE'];
  const rows = list.map((sandbox) => [
    printable(sandbox.name),
    sandbox.runtime,
    paint(STATE_STYLE[sandbox.state] ?? 'quiet', sandbox.state),
    sandbox.lifecycle,
    sandbox.user === null ? '-' : printable(sandbox.user),
    age(sandbox.createdAt, now),
    idle(sandbox),
    sandbox.sizeBytes === undefined ? '-' : bytes(sandbox.sizeBytes),
    printable(workspaceOf(sandbox)),
  ]);
  return table([heading.map((cell) => paint('heading', cell)), ...rows]);
}

/** A path, or a project with its task, which is none: it starts with no slash. */
function workspaceOf({ workspace, project, task }: SandboxDetails): string {
  return workspace ?? (project === null || task === null ? '-' : `${project}/${task}`);
}

/** The registry only knows of the use of those that are kept. */
function idle({ lifecycle, idleMs, protected: isProtected }: SandboxDetails): string {
  if (lifecycle !== 'long-lived' || idleMs === null) return '-';
  return `${time(idleMs)}${isProtected ? ' *' : ''}`;
}
