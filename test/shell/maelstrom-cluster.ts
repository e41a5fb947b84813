import type { Options } from '../../src/core/config.ts'
import { nodeId } from '../../src/core/ids.ts'
import { ManualClock } from '../../src/shell/clock.ts'
import type { Storage } from '../../src/shell/storage/storage.ts'
import { memoryStorage } from '../../src/shell/storage/storage.ts'
import { checkRequest, parseLine, RequestError } from '../../src/shell/stdio/envelope.ts'
import { Maelstrom, type MaelstromSettings } from '../../src/shell/stdio/maelstrom/maelstrom.ts'
import { Replies } from '../../src/shell/stdio/replies.ts'
import { NO_BACKLOG } from '../../src/shell/stdio/streams.ts'
import { Clients, type Body } from './maelstrom-clients.ts'
import { Router } from './router.ts'

export interface ClusterOptions {
  readonly size?: number
  readonly seed?: number
  readonly options?: Partial<Options>
  readonly settings?: MaelstromSettings
  readonly storage?: () => Storage
}

/** Nodes of Maelstrom's dialect in one process, in virtual time, joined by a router. */
export class Cluster {
  readonly clock = new ManualClock()
  readonly router: Router
  readonly clients: Clients
  readonly names: readonly string[]
  readonly nodes = new Map<string, Maelstrom>()
  /** What each node says to people. */
  readonly logs = new Map<string, string[]>()

  constructor({ size = 3, seed = 1, options, settings, storage = memoryStorage }: ClusterOptions = {}) {
    this.router = new Router(this.clock, seed)
    this.clients = new Clients(this.router, this.clock)
    const nodeIds = Array.from({ length: size }, (_, at) => nodeId(`n${at}`))
    this.names = nodeIds
    for (const id of nodeIds) {
      const logs: string[] = []
      const replies = new Replies(id, (line) => this.router.carry(line))
      const node = new Maelstrom(
        {
          nodeId: id,
          nodeIds,
          replies,
          refuse: (request, { code, message }) => replies.replyError(request, code, message),
          storage: storage(),
          stored: null,
          seed,
          backlog: NO_BACKLOG,
          log: (text) => logs.push(text),
          trace: null,
          onEnd: () => undefined,
          failed: (error) => {
            throw error
          },
        },
        this.clock,
        options,
        { boot: `${id}.${seed}`, ...settings },
      )
      this.logs.set(id, logs)
      this.nodes.set(id, node)
      this.router.node(id, (line) => receive(node, replies, line))
    }
  }

  /** Lets time pass, and with it promises be kept. */
  async run(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left--) {
      this.clock.advance(1)
      await settled()
    }
  }

  /** Asks, and lets time pass until there is an answer, at most ten seconds. */
  async ask(node: string, body: Body): Promise<Body> {
    const replies: Body[] = []
    void this.clients.ask(node, body).then((reply) => replies.push(reply))
    for (let left = 10_000; left > 0 && replies.length === 0; left--) await this.run(1)
    const [reply] = replies
    if (reply === undefined) throw new Error('no answer')
    return reply
  }

  /** The node that said last that it leads. */
  get leader(): string | null {
    let latest: string | null = null
    let latestTerm = 0
    for (const [name, logs] of this.logs)
      for (const line of logs) {
        const term = Number(/^leader in term (\d+)$/.exec(line)?.[1] ?? 0)
        if (term > latestTerm) [latest, latestTerm] = [name, term]
      }
    return latest
  }

  async elect(): Promise<string> {
    const before = this.leader
    for (let left = 200; left > 0 && this.leader === before; left--) await this.run(50)
    if (this.leader === null || this.leader === before) throw new Error('nobody was elected')
    return this.leader
  }

  others(than: string): readonly string[] {
    return this.names.filter((name) => name !== than)
  }
}

/** What a stdio node does with a line, as far as this dialect goes. */
const receive = (node: Maelstrom, replies: Replies, line: string): void => {
  const parsed = parseLine(line)
  if ('problem' in parsed) throw new Error(parsed.problem)
  try {
    checkRequest(parsed.request, parsed.request.dest)
    void node.handle(parsed.request)
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    replies.replyError(parsed.request, error.code, error.message)
  }
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await Promise.resolve()
}
