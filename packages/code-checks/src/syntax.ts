import type { Node, Tree, TreeCursor } from 'web-tree-sitter';
import type { Finding } from './code-warning.ts';
import type { LanguageChecks } from './rules/language-checks.ts';

/** Steps between two looks at the clock. */
const STEPS = 512;

/** Children of one error from which on a query takes time with the square of their number. */
const MANY_CHILDREN = 4096;

export interface SyntaxErrors {
  readonly findings: Finding[];
  /** So much of it makes no sense that a search for calls would take seconds. */
  readonly hopeless: boolean;
}

/** Errors of a tree, at most so many; of nested ones the innermost. `late` is asked now and then, and ends the search. */
export function findSyntaxErrors(
  tree: Tree,
  { title, gaps }: LanguageChecks,
  limit: number,
  late: () => boolean,
): SyntaxErrors {
  let hopeless = false;
  const findings: Finding[] = [];
  const cursor = tree.walk();
  /** Errors that the cursor is in, and how many findings there were at their start. */
  const around: { readonly node: Node; readonly before: number }[] = [];
  const leave = () => {
    const error = around.at(-1);
    if (error === undefined || error.node.id !== cursor.nodeId) return;
    around.pop();
    if (findings.length === error.before) findings.push(unparsable(error.node));
  };
  const enter = (): boolean => {
    const node = cursor.currentNode;
    if (node.isMissing) findings.push(missing(node));
    if (node.isError) {
      around.push({ node, before: findings.length });
      hopeless ||= node.childCount > MANY_CHILDREN;
    }
    return node.hasError && cursor.gotoFirstChild();
  };
  for (let step = 1; findings.length < limit; step++) {
    if (step % STEPS === 0 && late()) break;
    if (!enter() && !goOn(cursor, leave)) break;
  }
  cursor.delete();
  if (gaps === undefined) return { findings, hopeless };
  const doubt = ` (or is ${title} that the parser does not know: ${gaps})`;
  const doubtful = findings.map((finding) => ({ ...finding, message: finding.message + doubt }));
  return { findings: doubtful, hopeless };
}

/** To the next node that is not below this one; false: there is none. */
function goOn(cursor: TreeCursor, leave: () => void): boolean {
  for (;;) {
    leave();
    if (cursor.gotoNextSibling()) return true;
    if (!cursor.gotoParent()) return false;
  }
}

function unparsable({ startPosition, endPosition }: Node): Finding {
  const line = startPosition.row + 1;
  const end = endPosition.row + 1;
  const message = end > line ? `cannot be parsed, from here to line ${end}` : 'cannot be parsed here';
  return { kind: 'syntax', rule: 'syntax', message, line, column: startPosition.column + 1 };
}

function missing({ type, startPosition: { row, column } }: Node): Finding {
  // What a grammar calls by an underscore has no name that its users know.
  const message = type.startsWith('_') ? 'something is missing here' : `\`${type}\` is missing here`;
  return { kind: 'syntax', rule: 'syntax', message, line: row + 1, column: column + 1 };
}
