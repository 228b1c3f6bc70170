/** The words in a text: apart at commas (also CJK ones), semicolons and line ends. */
export function splitWords(text: string): string[] {
  return text
    .normalize('NFC')
    .split(/[,;\n\r，、；]+/u)
    .map((word) => word.replace(/\s+/gu, ' ').trim())
    .filter((word) => word !== '');
}
