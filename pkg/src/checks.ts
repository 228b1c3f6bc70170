/** Checks of values that callers give: each returns the value in its type or says what it must be. */

import { WordmaskError } from './errors.js';

export type Check<T> = (value: unknown, name: string) => T;

export function ownEntries(
  options: unknown,
  where: string,
  allowed: readonly string[],
): ReadonlyMap<string, unknown> {
  if (options === undefined) return new Map();
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new WordmaskError('input', `The options of ${where} must be an object.`);
  }
  const entries = new Map(Object.entries(options));
  for (const key of entries.keys()) {
    if (!allowed.includes(key)) {
      throw new WordmaskError(
        'input',
        `${where} has no option "${key}". Its options are ${allowed.join(', ')}.`,
      );
    }
  }
  return entries;
}

export function optional<T>(
  given: ReadonlyMap<string, unknown>,
  name: string,
  check: Check<T>,
): T | undefined {
  const value = given.get(name);
  return value === undefined ? undefined : check(value, name);
}

/** The object without the keys that hold `undefined`. */
export function defined<T extends object>(
  object: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

export function wrong(name: string, expected: string): WordmaskError {
  return new WordmaskError('input', `"${name}" must be ${expected}.`);
}

export function oneOf<T extends string | number>(choices: readonly T[]): Check<T> {
  return (value, name) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw wrong(name, quoted(choices));
    return choice;
  };
}

export function quoted(choices: readonly (string | number)[]): string {
  return choices.map((choice) => JSON.stringify(choice)).join(' or ');
}

export function listOf<T>(check: Check<T>): Check<T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, 'an array');
    return Array.from(value, (item: unknown, index) => check(item, `${name}[${index}]`));
  };
}

export const text: Check<string> = (value, name) => {
  if (typeof value !== 'string') throw wrong(name, 'a string');
  return value;
};

export const boolean: Check<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
};

export const positiveInteger: Check<number> = (value, name) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw wrong(name, 'a whole number above 0');
  }
  return value;
};

export const fraction: Check<number> = (value, name) => {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw wrong(name, 'a number from 0 to 1');
  }
  return value;
};

export const url: Check<string | URL> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  if (value instanceof URL) return value;
  throw wrong(name, 'a URL');
};

export const abortSignal: Check<AbortSignal> = (value, name) => {
  if (!(value instanceof AbortSignal)) throw wrong(name, 'an AbortSignal');
  return value;
};

export function listener<T>(value: unknown, name: string): (news: T) => void {
  if (typeof value !== 'function') throw wrong(name, 'a function');
  return value as (news: T) => void;
}
