/** Results of tests as JUnit's XML, which CI systems read: testsuites, testsuite a file, testcase, failure. */

export interface JunitCase {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly seconds: number;
  /** Undefined: passed. */
  readonly failure?: { readonly message: string; readonly text: string };
}

/** XML 1.0 §2.2: other control characters cannot be written at all. */
function xmlText(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Line ends within an attribute would be read as blanks. */
const attribute = (text: string | number): string =>
  `"${xmlText(String(text)).replace(/[\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`)}"`;

export function junitXml(cases: readonly JunitCase[]): string {
  const files = new Map<string, JunitCase[]>();
  for (const each of cases) files.set(each.file, [...(files.get(each.file) ?? []), each]);
  const figures = (of: readonly JunitCase[]) =>
    `tests="${of.length}" failures="${of.filter(({ failure }) => failure).length}" errors="0" skipped="0" ` +
    `time="${of.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(3)}"`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="ww nft test" ${figures(cases)}>`,
  ];
  for (const [file, of] of files) {
    lines.push(`  <testsuite name=${attribute(file)} ${figures(of)}>`);
    for (const { name, line, seconds, failure } of of) {
      const head = `    <testcase name=${attribute(name)} classname=${attribute(file)} file=${attribute(file)} line="${line}" time="${seconds.toFixed(3)}"`;
      if (failure === undefined) lines.push(`${head}/>`);
      else
        lines.push(
          `${head}>`,
          `      <failure message=${attribute(failure.message)}>${xmlText(failure.text)}</failure>`,
          '    </testcase>',
        );
    }
    lines.push('  </testsuite>');
  }
  lines.push('</testsuites>');
  return `${lines.join('\n')}\n`;
}
