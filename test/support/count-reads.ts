/** An array that counts how often one of its elements is read. */
export function countReads<T>(elements: readonly T[]): { readonly array: readonly T[]; reads(): number } {
  let reads = 0;
  const array = new Proxy(elements, {
    get(target, property, receiver) {
      if (typeof property === 'string' && /^\d+$/.test(property)) reads++;
      return Reflect.get(target, property, receiver);
    },
  });
  return { array, reads: () => reads };
}
