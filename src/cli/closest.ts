/** The word that was probably meant: at most a third of its letters are wrong, missing, too many or swapped. */
export const closest = (word: string, words: Iterable<string>): string | null => {
  let best: { readonly word: string; readonly distance: number } | null = null
  for (const candidate of words) {
    const distance = distanceOf(word, candidate)
    if (distance <= Math.max(1, candidate.length / 3) && distance < (best?.distance ?? Infinity))
      best = { word: candidate, distance }
  }
  return best?.word ?? null
}

export const didYouMean = (word: string, words: Iterable<string>): string => {
  const meant = closest(word, words)
  return meant === null ? '' : `; did you mean ${meant}?`
}

/** Edits of a letter, or exchanges of two neighbours, that make one word of the other (Damerau, Levenshtein). */
const distanceOf = (a: string, b: string): number => {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(replaced, at(i - 1, j) + 1, at(i, j - 1) + 1, isSwapped ? at(i - 2, j - 2) + 1 : Infinity))
    }
  }
  return at(a.length, b.length)
}
