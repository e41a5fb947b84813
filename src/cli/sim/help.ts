import { NODES_DEFAULT, NODES_MAX, STEPS_DEFAULT } from '../../sim/simulation.ts'
import { BAIL_DEFAULT, OUT_DEFAULT } from './args.ts'

export const SIM_HELP = `Usage: raft sim [options]
       raft sim merge FILE... [--require-marks] [--json]

Runs clusters in virtual time, with clients, and with faults drawn from a seed: the same seed is the same run, to the
last byte. Every claim about servers, logs, snapshots and answers is checked after every step. A violated claim is
printed with its seed, and its trace is kept, whole and shrunk. In the end stands what the runs have reached, so that
runs in which nothing happened are seen as such.

Which runs:
  --seed N           the first seed, decimal or 0x…, to 0xffffffff; or random (default: 1)
  --seeds N          so many seeds from there on (default: 1, or with --time as many as fit)
  --time 60s         begin no run after this time; s, m or h
  --nodes N          servers, 1 to ${NODES_MAX} (default: ${NODES_DEFAULT})
  --steps N          messages into reducers until the faults end; an ending without faults comes on top
                     (default: ${STEPS_DEFAULT})
  --profile NAME     how much goes wrong (default: chaos):
                       calm       a good network; servers go down only after the last operation
                       lossy      messages are lost, doubled, late and held back; links break
                       chaos      partitions, crashes, failing disks and clocks that go wrong besides
                       snapshots  tiny snapshots all the time, and faults that make them travel
                       all        each of these in turn, for every seed
  --service FILE     an ES module whose default export makes a Service (see raft-reducer/sim): your own state machine
                     with its clients, in place of the key-value machine
  --claims WHICH     all, or cheap: without those that look at every step twice (default: all)
  --shard I/N        every N-th of these runs, beginning with the I-th; all shards need the same --seed

How:
  --jobs N           runs at the same time (default: one for each processor); the output is the same for any N
  --bail N           stop at the N-th finding; 0 does not stop (default: ${BAIL_DEFAULT})
  --no-shrink        keep whole traces only

Results:
  --out DIR          where traces of findings go (default: ${OUT_DEFAULT})
  --trace FILE       the trace of a single run, clean or not; packed if the name ends in .gz
  --require-marks    fail if something was never reached that a campaign should reach
  --json             a line of JSON for each run, one about speed, and a summary as the last

raft sim merge reads what shards printed with --json, - for stdin, gzip or not, and prints what one process would have
printed for all of them.

Exit codes: 0 no claim is violated; 1 one is, or with --require-marks something was not reached; 2 shards are missing or
did not finish; 4 nothing ran; 64 usage; 65 a file cannot be read, written or merged; 70 a bug here; 130 interrupted,
with the summary of what ran until then.

Examples:
  raft sim --time 5m --seed random --profile all
  raft sim --seeds 1000 --shard 3/8 --json > 3.ndjson
  raft sim merge *.ndjson
`
