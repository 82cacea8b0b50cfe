import { Argument, type Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import type { Shell } from '../completion/completion-script.ts';
import { EXIT } from '../exit-code.ts';
import { print } from '../print.ts';

const help = (name: string) => `
Names of sandboxes are completed by what ${name} ls --json tells at that moment.

Examples:
  echo 'source <(${name} completion bash)' >> ~/.bashrc
  echo 'autoload -Uz compinit && compinit; source <(${name} completion zsh)' >> ~/.zshrc
  ${name} completion fish > ~/.config/fish/completions/${name}.fish
`;

export function declareCompletion(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('print a script that completes command lines in bash, zsh or fish')
    .addArgument(new Argument('<SHELL>', 'shell that is to read it').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', help(context.name))
    .action(
      context.exits(async (shell: Shell) => {
        const { completionScript } = await import('../completion/completion-script.ts');
        const runtimes = context.entries.map(({ runtime }) => runtime);
        await print(context, completionScript(shell, program, runtimes));
        return EXIT.ok;
      }),
    );
}
