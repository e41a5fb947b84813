import { fault, type Mutant } from './mutant.ts'

/* Faults that show only where something takes time: saves under way, a machine that installs, a machine that applies. */

/** Saves that are not durable yet. */
const OPEN_SAVES: readonly Mutant[] = [
  fault(
    'second-truncation-forgets-first',
    'open saves',
    'core/work',
    'index: pending === null ? from : minIndex(pending.index, from),',
    'index: from,',
    'test/core/open-saves.test.ts',
  ),
  fault(
    'install-trusts-open-saves',
    'open saves',
    'core/snapshot/install-snapshot',
    '    markNotDurable(work, successor(server.commitIndex))\n',
    '',
    'test/core/open-saves.test.ts',
  ),
]

/** A snapshot that is being put in force while other messages come. */
const OPEN_INSTALLS: readonly Mutant[] = [
  fault(
    'suffix-dropped-at-install',
    'install',
    'core/snapshot/install-snapshot',
    'const keepsSuffix = termAt(work.log, lastIncludedIndex) === lastIncludedTerm',
    'const keepsSuffix = false',
    'test/core/open-installs.test.ts',
  ),
  fault(
    'applied-during-install',
    'install',
    'core/commit',
    " || server.receiving?.phase === 'install'",
    '',
    'test/core/snapshots.test.ts',
  ),
  fault(
    'campaign-during-install',
    'install',
    'core/pre-vote',
    "  if (server.receiving?.phase === 'install') return ignore(work, 'installing a snapshot', null)\n",
    '',
    'test/core/snapshots.test.ts',
  ),
  fault(
    'offer-replaces-install',
    'install',
    'core/snapshot/install-snapshot',
    "  if (receiving?.phase === 'install') return receiving\n",
    '',
    'test/core/open-installs.test.ts',
  ),
]

export const SLOW_FAULTS: readonly Mutant[] = [...OPEN_SAVES, ...OPEN_INSTALLS]
