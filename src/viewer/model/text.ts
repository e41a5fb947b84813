const CHARS_MAX = 80

/** A value on one line, no longer than a panel is wide. */
export const brief = (value: unknown, charsMax = CHARS_MAX): string => {
  const text = (JSON.stringify(value) as string | undefined) ?? 'nothing'
  return text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text
}

/** As a POSIX shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
