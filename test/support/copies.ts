/**
 * How many items the lists of `after` have that are not lists of `before`: what making it has copied. Lists are looked
 * for in objects and in lists of lists, not inside the items.
 */
export const copiesBetween = (before: unknown, after: unknown): number => {
  const known = new Set(listsIn(before))
  let copied = 0
  for (const list of listsIn(after)) if (!known.has(list)) copied += list.length
  return copied
}

const listsIn = (value: unknown): readonly (readonly unknown[])[] => {
  if (Array.isArray(value)) return Array.isArray(value[0]) ? [value, ...value.flatMap(listsIn)] : [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(listsIn) : []
}
