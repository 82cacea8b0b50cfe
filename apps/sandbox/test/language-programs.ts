/** The same few programs in each language that Debian's packages can run. */
export interface LanguagePrograms {
  /** The oldest version that will do. */
  readonly atLeast: string;
  /** Prints `hello`. */
  readonly hello: string;
  /** Prints its input in upper case. */
  readonly stdin: string;
  /** Prints its arguments with `|` between. */
  readonly args: string;
  /** Ends with exit code 3. */
  readonly exit3: string;
  /** Ends with an error that says `boom`. */
  readonly uncaught: string;
  /** Prints `héllo 世界 🎉`. */
  readonly unicode: string;
  /** Prints `HI`, by what is in the other file. */
  readonly second: { readonly path: string; readonly content: string; readonly code: string };
  /** Prints 50 MiB. */
  readonly flood: string;
}

const java = (body: string, more = '') => `import java.io.*;
public class Main {
  public static void main(String[] args) throws Exception {
    ${body}
  }
}
${more}`;

const go = (imports: readonly string[], body: string) => `package main
import (${imports.map((name) => `"${name}"`).join('; ')})
func main() {
  ${body}
}
`;

const javascript = {
  hello: 'console.log("hello")',
  stdin: 'process.stdout.write(require("node:fs").readFileSync(0, "utf8").toUpperCase())',
  args: 'console.log(process.argv.slice(2).join("|"))',
  exit3: 'process.exit(3)',
  uncaught: 'throw new Error("boom")',
  unicode: 'console.log("héllo 世界 🎉")',
  second: {
    path: 'helper.js',
    content: 'exports.shout = (text) => text.toUpperCase();',
    code: 'console.log(require("./helper").shout("hi"))',
  },
  flood: 'for (let i = 0; i < 50; i += 1) process.stdout.write("x".repeat(2 ** 20))',
};

export const PROGRAMS: Readonly<Record<string, LanguagePrograms>> = {
  python: {
    atLeast: '3.11',
    hello: 'print("hello")',
    stdin: 'import sys\nsys.stdout.write(sys.stdin.read().upper())',
    args: 'import sys\nprint("|".join(sys.argv[1:]))',
    exit3: 'import sys\nsys.exit(3)',
    uncaught: 'raise ValueError("boom")',
    unicode: 'print("héllo 世界 🎉")',
    second: {
      path: 'helper.py',
      content: 'def shout(text):\n    return text.upper()\n',
      code: 'from helper import shout\nprint(shout("hi"))',
    },
    flood: 'import sys\nfor _ in range(50):\n    sys.stdout.write("x" * 2**20)',
  },
  node: { atLeast: '20', ...javascript },
  typescript: {
    atLeast: '4',
    ...javascript,
    hello: 'enum Word { hello = "hello" }\nconst word: Word = Word.hello;\nconsole.log(word)',
    args: 'import { argv } from "node:process";\nconst args: string[] = argv.slice(2);\nconsole.log(args.join("|"))',
    second: {
      path: 'helper.ts',
      content: 'export function shout(text: string): string { return text.toUpperCase(); }',
      code: 'import { shout } from "./helper";\nconsole.log(shout("hi"))',
    },
  },
  java: {
    atLeast: '17',
    hello: java('System.out.println("hello");'),
    stdin: java('System.out.print(new String(System.in.readAllBytes()).toUpperCase());'),
    args: java('System.out.println(String.join("|", args));'),
    exit3: java('System.exit(3);'),
    uncaught: java('throw new IllegalStateException("boom");'),
    unicode: java('System.out.println("héllo 世界 🎉");'),
    second: {
      path: 'Helper.java',
      content: 'class Helper { static String shout(String text) { return text.toUpperCase(); } }',
      code: java('System.out.println(Helper.shout("hi"));'),
    },
    flood: java('for (int i = 0; i < 50; i += 1) System.out.print("x".repeat(1 << 20));'),
  },
  go: {
    atLeast: '1.21',
    hello: go(['fmt'], 'fmt.Println("hello")'),
    stdin: go(
      ['fmt', 'io', 'os', 'strings'],
      'all, _ := io.ReadAll(os.Stdin)\n  fmt.Print(strings.ToUpper(string(all)))',
    ),
    args: go(['fmt', 'os', 'strings'], 'fmt.Println(strings.Join(os.Args[1:], "|"))'),
    exit3: go(['os'], 'os.Exit(3)'),
    uncaught: go(['errors'], 'panic(errors.New("boom"))'),
    unicode: go(['fmt'], 'fmt.Println("héllo 世界 🎉")'),
    second: {
      path: 'helper.go',
      content:
        'package main\nimport "strings"\nfunc shout(text string) string { return strings.ToUpper(text) }\n',
      code: go(['fmt'], 'fmt.Println(shout("hi"))'),
    },
    flood: go(['fmt', 'strings'], 'for i := 0; i < 50; i++ { fmt.Print(strings.Repeat("x", 1<<20)) }'),
  },
  ruby: {
    atLeast: '3.2',
    hello: 'puts "hello"',
    stdin: 'print $stdin.read.upcase',
    args: 'puts ARGV.join("|")',
    exit3: 'exit 3',
    uncaught: 'raise "boom"',
    unicode: 'puts "héllo 世界 🎉"',
    second: {
      path: 'helper.rb',
      content: 'def shout(text) = text.upcase\n',
      code: 'require_relative "helper"\nputs shout("hi")',
    },
    flood: '50.times { print "x" * 2**20 }',
  },
  php: {
    atLeast: '8.2',
    hello: '<?php echo "hello\\n";',
    stdin: '<?php echo strtoupper(stream_get_contents(STDIN));',
    args: '<?php echo implode("|", array_slice($argv, 1)), "\\n";',
    exit3: '<?php exit(3);',
    uncaught: '<?php throw new Exception("boom");',
    unicode: '<?php echo "héllo 世界 🎉\\n";',
    second: {
      path: 'helper.php',
      content: '<?php function shout(string $text): string { return strtoupper($text); }',
      code: '<?php require "helper.php"; echo shout("hi"), "\\n";',
    },
    flood: '<?php for ($i = 0; $i < 50; $i++) echo str_repeat("x", 2 ** 20);',
  },
};
