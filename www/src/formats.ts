/** Numbers as the reader's language writes them. */
import { locale } from './texts.js';

/** Formatters are slow to make and needed for every row. */
const made = new Map<string, Intl.NumberFormat>();

function format(value: number, options: Intl.NumberFormatOptions): string {
  const key = `${locale} ${JSON.stringify(options)}`;
  const known = made.get(key) ?? new Intl.NumberFormat(locale, options);
  made.set(key, known);
  return known.format(value);
}

/** Which form of a text goes with a number. */
export function form(count: number): Intl.LDMLPluralRule {
  return new Intl.PluralRules(locale).select(count);
}

export function number(value: number): string {
  return format(value, {});
}

/** The share of a picture. Never rounds something to nothing. */
export function share(fraction: number): string {
  if (fraction <= 0) return format(0, { style: 'percent' });
  if (fraction >= 0.9995) return format(1, { style: 'percent' });
  const options = {
    style: 'percent',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  } as const;
  return fraction < 0.001 ? `<\u00a0${format(0.001, options)}` : format(fraction, options);
}

/** A published figure in percent, with its decimal. */
export function percent(value: number): string {
  const places = { minimumFractionDigits: 1, maximumFractionDigits: 1 } as const;
  return format(value / 100, { style: 'percent', ...places });
}

/** Between 0 and 1, of which two places tell enough. */
export function score(value: number): string {
  return format(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** A size in megabytes; the decimal is left out where nobody would miss it. */
export function megabytes(bytes: number, places = bytes < 1e7 ? 1 : 0): string {
  return format(bytes / 1e6, {
    style: 'unit',
    unit: 'megabyte',
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

export function duration(ms: number): string {
  if (ms < 1) return `<\u00a0${unit(1, 'millisecond', 0)}`;
  if (ms < 1000) return unit(ms, 'millisecond', 0);
  return unit(ms / 1000, 'second', ms < 10_000 ? 1 : 0);
}

/** A time that is only guessed, to a second or a minute. */
export function roughTime(seconds: number): string {
  return seconds < 90 ? unit(Math.ceil(seconds), 'second', 0) : unit(seconds / 60, 'minute', 0);
}

function unit(value: number, name: 'millisecond' | 'second' | 'minute', places: number): string {
  return format(value, { style: 'unit', unit: name, maximumFractionDigits: places });
}

/** "a, b and c" */
export function list(items: readonly string[]): string {
  return new Intl.ListFormat(locale, { type: 'conjunction' }).format(items);
}
