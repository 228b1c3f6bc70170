/** The pages say in their own heads what the server says for them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../lib.mjs';
import { hubHosts, hubPolicy, modelsPage, ownPolicy } from '../policy.mjs';

/** The directives of a policy, by name. */
const directives = (policy) =>
  Object.fromEntries(policy.split(/;\s*/).map((one) => [one.split(' ')[0], one]));

const inHead = (page) => {
  const html = readFileSync(join(root, 'www', page), 'utf8');
  const [, policy] = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html);
  return directives(policy);
};

for (const [page, policy] of [
  ['index.html', ownPolicy],
  [modelsPage, hubPolicy],
]) {
  test(`the policy in ${page} is that of its headers`, () => {
    const served = directives(policy);
    for (const [name, directive] of Object.entries(inHead(page))) {
      assert.equal(directive, served[name], name);
    }
  });
}

test('the page for pictures reaches nothing but its own site', () => {
  assert.equal(inHead('index.html')['connect-src'], "connect-src 'self'");
  assert.ok(hubHosts.every((host) => host.startsWith('https://')));
});
