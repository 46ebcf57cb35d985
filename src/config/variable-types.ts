import { z } from 'zod';

/** The parsed values of the variables of a zod shape. */
export type Values<Shape extends z.ZodRawShape> = z.infer<z.ZodObject<Shape>>;

export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .refine(
      (value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number);

export const integer = (defaultValue: number, min: number, max: number) =>
  wholeNumber(min, max).default(defaultValue);

/** @param problemOf what is wrong with a value; must not contain the value, which may hold a secret */
export const checked = (problemOf: (value: string) => string | undefined) =>
  z.string().check(({ value, issues }) => {
    const problem = problemOf(value);
    if (problem !== undefined) issues.push({ code: 'custom', message: problem, input: value });
  });

export const flag = z
  .enum(['0', '1'], 'must be 0 or 1')
  .default('0')
  .transform((value) => value === '1');

/** Separated by commas, spaces or line breaks. */
export const list = z.string().transform((value) => value.split(/[,\s]+/).filter((entry) => entry !== ''));
