/** docs/consumers.md: what was tried, and with what. */

import { rows, tested } from './rows.mjs';

/** One line for each consumer. */
export function table(results) {
  const lines = results.map(({ name, versions, cells }) => {
    const { title, todo } = rows[name];
    const works = cells.map(({ where, answer, problem }) => {
      if (problem) return `${where}: **fails**`;
      return answer ? `${where}: ${answer.engine}` : `${where}: works`;
    });
    return `| ${[title, versions || '—', todo, works.join('<br>')].join(' | ')} |`;
  });
  return [
    '| consumer | versions | what has to be done | tried in, with the engine |',
    '| --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** The whole page. */
export function document(results) {
  return `# Consumers

Who can use the package, and what has to be done for it. \`npm run consumers\` writes this page: it packs the package, installs the tarball in a fresh project for each row, builds, segments \`tests/fixtures/scenes/heart-and-cup.png\` for three words with the built-in model on the CPU, and compares the label maps. All that run the same engine agree in every pixel; the two engines (with and without relaxed SIMD) agree in more than 99.9 % of them. Built pages are served with the Content-Security-Policy that the package's README asks for. \`npm test\` tries ${tested.map((name) => `\`${name}\``).join(', ')} in Chromium.

${table(results)}
`;
}
