/** What a tool of a language is given to do without a network, and what has to come of it. */
export interface ToolCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Where it is run, in `/sandbox`. Default: there. */
  readonly cwd?: string;
  readonly command: readonly string[];
  /** Default 0. */
  readonly exitCode?: number;
  /** In what it prints, on either stream. */
  readonly prints: RegExp;
  /** The same tool once more, on what is now there. */
  readonly afterwards?: readonly string[];
}

const PYTHON: readonly ToolCase[] = [
  {
    name: 'numpy and pandas compute',
    files: {},
    command: ['python3', '-c', 'import numpy, pandas\nprint(pandas.Series(numpy.arange(4)).sum())'],
    prints: /^6\n/,
  },
  {
    name: 'pytest passes one test and fails one',
    files: {
      'pytest/test_it.py':
        'def test_right():\n    assert 1 + 1 == 2\n\ndef test_wrong():\n    assert 1 + 1 == 3\n',
    },
    command: ['pytest', '-q', 'pytest'],
    exitCode: 1,
    prints: /test_wrong[\s\S]*1 failed, 1 passed/,
  },
  {
    name: 'mypy finds a fault',
    files: { 'mypy/it.py': 'def double(n: int) -> int:\n    return n * 2\n\ndouble("two")\n' },
    command: ['mypy', 'mypy/it.py'],
    exitCode: 1,
    prints: /it\.py:4: error: Argument 1 to "double"/,
  },
  {
    name: 'flake8 finds a fault',
    files: { 'flake8/it.py': 'import os\n' },
    command: ['flake8', 'flake8/it.py'],
    exitCode: 1,
    prints: /it\.py:1:1: F401/,
  },
  {
    name: 'black reformats',
    files: { 'black/it.py': "x = {  'a':1 }\n" },
    command: ['black', 'black/it.py'],
    prints: /1 file reformatted/,
    afterwards: ['black', '--check', 'black/it.py'],
  },
];

const NODE: readonly ToolCase[] = [
  {
    name: 'Jest passes one test and fails one',
    files: {
      'jest/package.json': '{}',
      'jest/it.test.js':
        'test("right", () => expect(1 + 1).toBe(2));\ntest("wrong", () => expect(1 + 1).toBe(3));\n',
    },
    cwd: 'jest',
    command: ['jest'],
    exitCode: 1,
    prints: /● wrong[\s\S]*Tests: +1 failed, 1 passed/,
  },
  {
    name: 'ESLint finds a fault',
    files: {
      'eslint/eslint.config.js': 'module.exports = [{ rules: { "no-unused-vars": "error" } }];\n',
      'eslint/it.js': 'const unused = 1;\n',
    },
    command: ['eslint', '--config', 'eslint/eslint.config.js', 'eslint/it.js'],
    exitCode: 1,
    prints: /'unused' is assigned a value but never used/,
  },
  {
    name: 'Prettier reformats',
    files: { 'prettier/it.js': "const x = {  'a':1 }\n" },
    command: ['prettier', '--write', 'prettier/it.js'],
    prints: /it\.js \d+ms/,
    afterwards: ['prettier', '--check', 'prettier/it.js'],
  },
  {
    name: 'tsc finds a fault',
    files: { 'tsc/it.ts': 'const n: number = "two";\n' },
    command: ['tsc', '--noEmit', 'tsc/it.ts'],
    exitCode: 2,
    prints: /it\.ts\(1,7\): error TS2322/,
  },
];

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>it</groupId>
  <artifactId>it</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
</project>
`;
const HELLO =
  'public class Hello { public static void main(String[] args) { System.out.println("built"); } }\n';

const JAVA: readonly ToolCase[] = [
  {
    name: 'Maven builds a project of one class',
    files: { 'maven/pom.xml': POM, 'maven/src/main/java/Hello.java': HELLO },
    command: ['mvn', '-B', '-o', '-f', 'maven/pom.xml', 'package'],
    prints: /BUILD SUCCESS/,
    afterwards: ['java', '-cp', 'maven/target/it-1.jar', 'Hello'],
  },
  {
    name: 'Gradle builds a project of one class',
    files: { 'gradle/build.gradle': "apply plugin: 'java'\n", 'gradle/src/main/java/Hello.java': HELLO },
    command: ['gradle', '--offline', '--no-daemon', '-p', 'gradle', 'build'],
    prints: /BUILD SUCCESSFUL/,
    afterwards: ['java', '-cp', 'gradle/build/classes/java/main', 'Hello'],
  },
];

const GO: readonly ToolCase[] = [
  {
    name: 'go test passes one test and fails one',
    files: {
      'gotest/go.mod': 'module it\n\ngo 1.21\n',
      'gotest/it_test.go':
        'package it\nimport "testing"\nfunc TestRight(t *testing.T) {}\nfunc TestWrong(t *testing.T) { t.Error("boom") }\n',
    },
    command: ['go', 'test', '-C', 'gotest', '-v', './...'],
    exitCode: 1,
    prints: /--- PASS: TestRight[\s\S]*--- FAIL: TestWrong/,
  },
];

const RAILS = `require "action_controller/railtie"
require "puma"
require "net/http"

class HelloController < ActionController::Base
  def show = render(plain: "hello from Rails")
end

class App < Rails::Application
  config.eager_load = false
  config.secret_key_base = "x" * 64
  config.logger = Logger.new(IO::NULL)
  config.hosts.clear
  routes.append { get "/hello", to: "hello#show" }
end
App.initialize!

server = Puma::Server.new(App)
server.add_tcp_listener("127.0.0.1", 0)
server.run
answer = Net::HTTP.get_response(URI("http://127.0.0.1:#{server.connected_ports.first}/hello"))
puts answer.code, answer.body
`;

const RUBY: readonly ToolCase[] = [
  {
    name: 'Rails answers one route',
    files: { 'rails/app.rb': RAILS },
    command: ['ruby', 'rails/app.rb'],
    prints: /^200\nhello from Rails\n/,
  },
  {
    name: 'RSpec passes one test and fails one',
    files: {
      'rspec/it_spec.rb':
        'RSpec.describe "a sum" do\n  it("is right") { expect(1 + 1).to eq 2 }\n  it("is wrong") { expect(1 + 1).to eq 3 }\nend\n',
    },
    command: ['rspec', 'rspec/it_spec.rb'],
    exitCode: 1,
    prints: /2 examples, 1 failure/,
  },
];

const PHP: readonly ToolCase[] = [
  {
    name: 'Composer makes an autoloader',
    files: {
      'composer/composer.json': '{ "name": "it/it", "autoload": { "psr-4": { "It\\\\": "src/" } } }',
      'composer/src/Hello.php': '<?php namespace It; class Hello { const WORD = "built"; }',
      'composer/main.php': '<?php require "composer/vendor/autoload.php"; echo It\\Hello::WORD, "\\n";',
    },
    command: ['composer', '--working-dir=composer', '--no-interaction', 'dump-autoload'],
    prints: /Generated autoload files/,
    afterwards: ['php', 'composer/main.php'],
  },
];

export const TOOLS: Readonly<Record<string, readonly ToolCase[]>> = {
  python: PYTHON,
  node: NODE,
  java: JAVA,
  go: GO,
  ruby: RUBY,
  php: PHP,
};
