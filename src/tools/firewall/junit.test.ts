import { expect, test } from 'vitest';
import { junitXml } from './junit.js';

test('writes what a CI system reads, whatever the names have in them', () => {
  const common = { file: 'a&b.yaml', seconds: 0.0104 };
  const xml = junitXml([
    { ...common, name: 'is <fine> "here"', line: 3 },
    {
      ...common,
      name: 'not\u0000so',
      line: 9,
      failure: { message: 'one\ntwo', text: 'expected <drop>\nwas ]]> accept' },
    },
  ]);
  expect(xml).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="ww nft test" tests="2" failures="1" errors="0" skipped="0" time="0.021">
  <testsuite name="a&#38;b.yaml" tests="2" failures="1" errors="0" skipped="0" time="0.021">
    <testcase name="is &#60;fine&#62; &#34;here&#34;" classname="a&#38;b.yaml" file="a&#38;b.yaml" line="3" time="0.010"/>
    <testcase name="not\ufffdso" classname="a&#38;b.yaml" file="a&#38;b.yaml" line="9" time="0.010">
      <failure message="one&#10;two">expected &#60;drop&#62;
was ]]&#62; accept</failure>
    </testcase>
  </testsuite>
</testsuites>
`);
});
