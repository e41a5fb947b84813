/** Says what is waited for while it lasts: first after `everyMs`, and with the seconds that have passed. */
export const withNotice = async <T>(
  work: Promise<T>,
  what: string,
  say: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
  everyMs = 1_000,
): Promise<T> => {
  const start = performance.now()
  const timer = setInterval(() => say(`${what}, ${Math.round((performance.now() - start) / 1_000)} s`), everyMs)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
