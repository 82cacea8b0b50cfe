import type { SandboxCommands } from '../command/detached.ts';
import { createShell } from '../command/shell.ts';
import type { SandboxFiles } from '../transfer/files.ts';
import type { RestrictedSandbox, Sandbox } from './types.ts';

/**
 * An object of its own that can only use the sandbox: it holds functions and no reference to the handle, so that no
 * property of it leads to `stop` or `remove`.
 */
export function restrict(sandbox: Sandbox): RestrictedSandbox {
  const exec: RestrictedSandbox['exec'] = (command, options) => sandbox.exec(command, options);
  const spawn = sandbox.spawn.bind(sandbox) as RestrictedSandbox['spawn'];
  return Object.freeze({
    name: sandbox.name,
    runtime: sandbox.runtime,
    workdir: sandbox.workdir,
    exec,
    spawn,
    shell: createShell(exec),
    files: restrictFiles(sandbox.files),
    commands: restrictCommands(sandbox.commands),
  });
}

function restrictCommands(commands: SandboxCommands): SandboxCommands {
  return Object.freeze<SandboxCommands>({
    list: () => commands.list(),
    get: (id) => commands.get(id),
  });
}

function restrictFiles(files: SandboxFiles): SandboxFiles {
  return Object.freeze<SandboxFiles>({
    read: (path, options) => files.read(path, options),
    readBytes: (path, options) => files.readBytes(path, options),
    readText: (path, options) => files.readText(path, options),
    write: (path, content, options) => files.write(path, content, options),
    list: (path, options) => files.list(path, options),
    stat: (path, options) => files.stat(path, options),
    exists: (path, options) => files.exists(path, options),
    mkdir: (path, options) => files.mkdir(path, options),
    remove: (path, options) => files.remove(path, options),
    rename: (from, to, options) => files.rename(from, to, options),
    upload: (hostPath, guestPath, options) => files.upload(hostPath, guestPath, options),
    download: (guestPath, hostPath, options) => files.download(guestPath, hostPath, options),
    unpack: (path, archive, options) => files.unpack(path, archive, options),
    pack: (path, options) => files.pack(path, options),
  });
}
