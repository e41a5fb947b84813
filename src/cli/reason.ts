/** Why a file cannot be read or written, in our words: those of the system repeat the path, and name its calls. */
export const reasonOf = (error: unknown): string => {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return REASONS[code ?? ''] ?? (error instanceof Error ? error.message : String(error))
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EISDIR: 'is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'this user has no right to',
  EPERM: 'this user has no right to',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many files are open',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  ERR_FS_FILE_TOO_LARGE: 'is larger than can be read at once',
  ERR_BUFFER_TOO_LARGE: 'unpacks to more than can be held',
  ERR_STRING_TOO_LONG: 'is larger than a text can be',
  Z_DATA_ERROR: 'is damaged: it is not what gzip packed',
  Z_BUF_ERROR: 'is cut short: gzip packed more',
}
