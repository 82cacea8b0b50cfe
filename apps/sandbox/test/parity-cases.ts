/** One command line of `sandbox run`, and what must come of it on every runtime. */
export interface ParityCase {
  readonly name: string;
  /** Before the command. */
  readonly options?: readonly string[];
  readonly command: readonly string[];
  readonly stdin?: string;
  /** Of the program: the command's own, 128+n, 124 or 125. Default 0. */
  readonly exit?: number;
  /** Default `exited`; null where the sandbox is refused. */
  readonly ending?: string | null;
  /** The whole of it; left out where it only has to be the same everywhere. */
  readonly stdout?: string;
  /** Only for what the sandbox is refused with. */
  readonly error?: string;
}

const sh = (script: string, ...args: string[]): readonly string[] => ['sh', '-c', script, ...args];

const words: readonly ParityCase[] = [
  { name: 'nothing', command: ['true'], stdout: '' },
  { name: 'a word', command: ['echo', 'hi'], stdout: 'hi\n' },
  { name: 'an empty argument', command: ['printf', '[%s]', ''], stdout: '[]' },
  { name: 'spaces', command: ['printf', '[%s]', '  a  b  '], stdout: '[  a  b  ]' },
  { name: 'quotes', command: ['printf', '[%s]', `'"\``], stdout: `['"\`]` },
  {
    name: 'what a shell would expand',
    command: ['printf', '[%s]', '$HOME $(id) *'],
    stdout: '[$HOME $(id) *]',
  },
  { name: 'a backslash', command: ['printf', '[%s]', 'a\\b'], stdout: '[a\\b]' },
  { name: 'a newline', command: ['printf', '[%s]', 'a\nb'], stdout: '[a\nb]' },
  { name: 'a tab and a bell', command: ['printf', '[%s]', '\t\u0007'], stdout: '[\t\u0007]' },
  {
    name: 'letters of the world',
    command: ['printf', '[%s]', 'žluťoučký 猫 🐱'],
    stdout: '[žluťoučký 猫 🐱]',
  },
  { name: 'a leading dash', command: ['printf', '--', '-n'], stdout: '-n' },
  {
    name: 'words like options of ours',
    command: ['echo', '--json', '--memory', '1'],
    stdout: '--json --memory 1\n',
  },
  { name: 'many arguments', command: [...sh('echo $#', 'x'), ...Array(500).fill('a')], stdout: '500\n' },
  {
    name: 'a long argument',
    command: [...sh('printf %s "$1" | wc -c', 'x'), 'a'.repeat(100_000)],
    stdout: '100000\n',
  },
  { name: 'an equals sign', command: ['printf', '[%s]', 'A=B'], stdout: '[A=B]' },
  { name: 'the separator', options: ['--'], command: ['echo', '--'], stdout: '--\n' },
];

const ends: readonly ParityCase[] = [
  ...[0, 1, 2, 42, 124, 125, 126, 127, 128, 254, 255].map((exit) => ({
    name: `exit code ${exit}`,
    command: sh(`exit ${exit}`),
    exit,
  })),
  { name: 'no such program', command: ['no-such-program'], exit: 127, stdout: '' },
  { name: 'no such path', command: ['/no/such/program'], exit: 127, stdout: '' },
  { name: 'a file that cannot be run', command: ['/etc/passwd'], exit: 126, stdout: '' },
  { name: 'a directory', command: ['/tmp'], exit: 126, stdout: '' },
  ...(
    [
      ['HUP', 1],
      ['INT', 2],
      ['ABRT', 6],
      ['KILL', 9],
      ['SEGV', 11],
      ['PIPE', 13],
      ['TERM', 15],
    ] as const
  ).map(([signal, number]) => ({
    name: `killed by ${signal}`,
    command: sh(`kill -${signal} $$`),
    exit: 128 + number,
    ending: 'signaled',
  })),
  {
    name: 'a timeout',
    options: ['--timeout', '300ms'],
    command: sh('echo before; sleep 60'),
    exit: 124,
    ending: 'timed-out',
    stdout: 'before\n',
  },
  {
    name: 'a timeout with strays',
    options: ['--timeout', '300ms'],
    command: sh('setsid sh -c "setsid sleep 60 & sleep 60" & wait'),
    exit: 124,
    ending: 'timed-out',
  },
  { name: 'a stray', command: sh('sleep 60 & echo gone'), stdout: 'gone\n' },
];

const streams: readonly ParityCase[] = [
  { name: 'both streams', command: sh('echo out; echo err >&2'), stdout: 'out\n' },
  { name: 'stderr alone', command: sh('echo err >&2; exit 3'), exit: 3, stdout: '' },
  { name: 'no newline at the end', command: ['printf', 'x'], stdout: 'x' },
  { name: 'bytes that are no text', command: ['printf', '\\377\\376a'], stdout: '��a' },
  { name: 'a zero byte', command: ['printf', 'a\\000b'], stdout: 'a\0b' },
  { name: 'a megabyte', command: sh('head -c 1000000 /dev/zero | tr "\\0" x | wc -c'), stdout: '1000000\n' },
  { name: 'more than is kept', command: sh('head -c 11000000 /dev/zero | tr "\\0" x') },
  { name: 'nothing on stdin', command: ['cat'], stdout: '' },
  { name: 'stdin', options: ['-i'], command: ['cat'], stdin: 'line\nno end', stdout: 'line\nno end' },
  {
    name: 'stdin that is not read',
    options: ['-i'],
    command: ['true'],
    stdin: 'x'.repeat(100_000),
    stdout: '',
  },
  {
    name: 'stdin counted',
    options: ['-i'],
    command: ['wc', '-c'],
    stdin: 'x'.repeat(300_000),
    stdout: '300000\n',
  },
  { name: 'closed streams', command: sh('exec >&- 2>&-; exit 5'), exit: 5, stdout: '' },
];

const inside: readonly ParityCase[] = [
  { name: 'a variable', options: ['-e', 'A=b c'], command: sh('printf "[%s]" "$A"'), stdout: '[b c]' },
  { name: 'an empty variable', options: ['-e', 'A='], command: sh('echo "${A-unset}"'), stdout: '\n' },
  {
    name: 'a variable with everything',
    options: ['-e', 'A=$x=\n"'],
    command: sh('printf "[%s]" "$A"'),
    stdout: '[$x=\n"]',
  },
  { name: 'nothing of the host', command: sh('echo "${SANDBOX_PARITY_CANARY-unset}"'), stdout: 'unset\n' },
  { name: 'what is always set', command: sh('echo "$HOME $USER $LANG $TMPDIR"') },
  { name: 'the user', command: sh('id -u; id -g'), stdout: '1000\n1000\n' },
  { name: 'root, when asked for', options: ['--user', '0'], command: ['id', '-u'], stdout: '0\n' },
  { name: 'where it starts', command: ['pwd'] },
  { name: 'a working directory', options: ['-w', '/tmp'], command: ['pwd'], stdout: '/tmp\n' },
  { name: 'HOME can be written', command: sh('echo x > "$HOME/f" && cat "$HOME/f"'), stdout: 'x\n' },
  { name: '/tmp can be written', command: sh('echo x > /tmp/f && cat /tmp/f'), stdout: 'x\n' },
  { name: 'programs run in HOME', command: sh('cp /bin/echo "$HOME/e" && "$HOME/e" ran'), stdout: 'ran\n' },
  { name: 'the root is read-only', command: sh('touch /usr/x 2>/dev/null; echo $?'), stdout: '1\n' },
  {
    name: 'no capability',
    command: sh('grep -h "^Cap[EB]" /proc/self/status | tr -s "\\t" " "'),
    stdout: 'CapEff: 0000000000000000\nCapBnd: 0000000000000000\n',
  },
  { name: 'no new privileges', command: sh('grep -h NoNewPrivs /proc/self/status | tr -s "\\t" " "') },
  {
    name: 'only a loopback',
    command: sh('tail -n +3 /proc/net/dev | tr -d " " | cut -d: -f1'),
    stdout: 'lo\n',
  },
  { name: 'a file beyond the limit of open files', command: sh('ulimit -n') },
  {
    name: 'few processes of its own',
    command: sh('ls -d /proc/[0-9]* | wc -l | grep -qE "^[0-9]$|^[0-4][0-9]$" && echo few'),
    stdout: 'few\n',
  },
];

const refused: readonly ParityCase[] = [
  {
    name: 'memory in words',
    options: ['--memory', 'lots'],
    command: ['true'],
    exit: 2,
    ending: null,
    error: 'INVALID_ARGUMENT',
  },
  {
    name: 'no memory',
    options: ['--memory', '0'],
    command: ['true'],
    exit: 2,
    ending: null,
    error: 'INVALID_ARGUMENT',
  },
  {
    name: 'a timeout in words',
    options: ['--timeout', 'soon'],
    command: ['true'],
    exit: 2,
    ending: null,
    error: 'INVALID_ARGUMENT',
  },
  {
    name: 'a variable without a name',
    options: ['-e', '=x'],
    command: ['true'],
    exit: 2,
    ending: null,
    error: 'INVALID_ARGUMENT',
  },
  {
    name: 'a workspace that is not there',
    options: ['--workspace', '/no/such/directory'],
    command: ['true'],
    exit: 125,
    ending: null,
    error: 'NOT_FOUND',
  },
  {
    name: 'the whole host as workspace',
    options: ['--workspace', '/'],
    command: ['true'],
    exit: 125,
    ending: null,
    error: 'FAILED_PRECONDITION',
  },
  {
    name: 'a socket’s directory as workspace',
    options: ['--workspace', '/run'],
    command: ['true'],
    exit: 125,
    ending: null,
    error: 'FAILED_PRECONDITION',
  },
  {
    name: 'a relative working directory',
    options: ['-w', 'src'],
    command: ['true'],
    exit: 2,
    ending: null,
    error: 'INVALID_ARGUMENT',
  },
];

export const PARITY_CASES: readonly ParityCase[] = [...words, ...ends, ...streams, ...inside, ...refused];
