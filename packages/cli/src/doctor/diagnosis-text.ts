import type { Capability, Control } from '@sandbox/core';
import type { Paint, Style } from '../output/colors.ts';
import { SUPPORT_STYLES } from '../output/enforcement-table.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import type { Finding } from './diagnose.ts';

const STATUS: Record<Finding['status'], readonly [Style, string]> = {
  healthy: ['good', '✔'],
  unhealthy: ['bad', '✘'],
  undetected: ['quiet', '–'],
};

export function diagnosisText(findings: readonly Finding[], paint: Paint): string {
  const summaries = findings.map((finding) => summary(finding, paint)).join('\n');
  const matrix = enforcementMatrix(findings, paint);
  return matrix === '' ? summaries : `${summaries}\n${matrix}`;
}

function summary(finding: Finding, paint: Paint): string {
  const [style, mark] = STATUS[finding.status];
  const version = finding.version === undefined ? '' : ` ${printable(finding.version)}`;
  const lines = [
    `${paint(style, mark)} ${paint('heading', finding.runtime)}${version}: ${printable(finding.message)}`,
  ];
  if (finding.endpoint !== undefined) lines.push(`  at ${printable(finding.endpoint)}`);
  if (finding.remedy !== undefined) lines.push(`  to mend it: ${printable(finding.remedy)}`);
  for (const warning of finding.warnings ?? [])
    lines.push(`  ${paint('poor', 'warning:')} ${printable(warning)}`);
  return `${lines.join('\n')}\n`;
}

/** Of the healthy ones: one row for each control, one column for each runtime, and the reasons below where it is less than all. */
function enforcementMatrix(findings: readonly Finding[], paint: Paint): string {
  const usable = findings.flatMap(({ runtime, status, capabilities }) =>
    status === 'healthy' && capabilities !== null ? [{ runtime, controls: capabilities.controls }] : [],
  );
  if (usable.length === 0) return '';
  const only = usable.length === 1 ? usable[0] : undefined;
  const controls = Object.keys(usable[0]?.controls ?? {}) as Control[];
  const heading = [
    'WHAT IT ENFORCES HERE',
    ...usable.map(({ runtime }) => runtime),
    ...(only ? ['HOW'] : []),
  ];
  const rows = controls.map((control) => [
    control,
    ...usable.map((each) => word(each.controls[control], paint)),
    ...(only ? [printable(only.controls[control].how)] : []),
  ]);
  const notes = only ? '' : reasons(usable, controls);
  return `${table([heading.map((cell) => paint('heading', cell)), ...rows])}${notes && `\n${notes}`}`;
}

const word = ({ support }: Capability, paint: Paint) => paint(SUPPORT_STYLES[support], support);

function reasons(
  usable: readonly { readonly runtime: string; readonly controls: Readonly<Record<Control, Capability>> }[],
  controls: readonly Control[],
): string {
  return usable
    .flatMap(({ runtime, controls: of }) =>
      controls
        .filter((control) => of[control].support !== 'enforced')
        .map((control) => `${runtime}, ${control}: ${of[control].support}: ${printable(of[control].how)}\n`),
    )
    .join('');
}
