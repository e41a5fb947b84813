/**
 * Runs work that somebody may ask to come to its end: with SIGINT at a terminal, with SIGTERM as orchestrators do. Once:
 * whoever asks a second time does not want to wait for the summary.
 */
export const whileInterruptible = async <Result>(
  interrupt: () => void,
  run: () => Promise<Result>,
): Promise<Result> => {
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    return await run()
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}
