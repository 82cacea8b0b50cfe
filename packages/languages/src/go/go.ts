import { posix } from 'node:path';
import type { Language } from '../language.ts';

/** All files of a directory are one program. */
const BUILD_AND_RUN =
  'go build -C "$1" -o "${TMPDIR:-/tmp}/main" . && shift && exec "${TMPDIR:-/tmp}/main" "$@"';

export const go: Language = {
  id: 'go',
  aliases: ['golang'],
  image: 'sandbox-go:latest',
  recipe: new URL('../../src/go/image/', import.meta.url),
  fileName: 'main.go',
  // A directory without go.mod is a package too.
  env: { GO111MODULE: 'auto', GOFLAGS: '-buildvcs=false', GOTOOLCHAIN: 'local' },
  programs: ['go'],
  // `go run` has an exit code of its own. The text is always this one, what is given are its arguments.
  command: (file, args) => ['sh', '-c', BUILD_AND_RUN, 'go', posix.dirname(file), ...args],
  version: ['go', 'version'],
};
